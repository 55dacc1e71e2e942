"""`python -m tests.e2e.labs LAB [VARIANT]...`: now `labctl lab test LAB --reset --only VARIANT`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    lab, *variants = sys.argv[1:]
    only = [word for variant in variants for word in ("--only", variant)]
    command = [sys.executable, "-m", "labctl", "lab", "test", lab, "--reset", *only]
    os.execv(sys.executable, command)
