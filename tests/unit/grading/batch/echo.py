"""A helper for tests: says back what it is told, and does worse when asked to."""

import os
import sys
import time
from pathlib import Path

from labctl.grading.batch.helper import serve


def work(message, tell):
    if message.get("leave_at"):
        left.append(Path(message["leave_at"]))
    if "exit" in message:
        sys.stdout.write("last words\n")
        sys.stdout.flush()
        os._exit(message["exit"])
    if "sleep" in message:
        time.sleep(message["sleep"])
    for _ in range(message.get("times", 1)):
        tell(message)


left: list[Path] = []


def leave():
    for file in left:
        file.write_text("tidied up")
    os._exit(0)


if __name__ == "__main__":
    serve(work, leave=leave)
