"""Unpack what comes on standard input, and become the program in it.

First eight bytes of length, then a tar archive with a folder `code`, then what the program is told.
"""

import io
import os
import sys
import tarfile


def exactly(size):
    data = bytearray()
    while len(data) < size:
        chunk = os.read(0, min(size - len(data), 1 << 20))
        if not chunk:
            sys.exit("the archive is cut short")
        data += chunk
    return bytes(data)


with tarfile.open(fileobj=io.BytesIO(exactly(int.from_bytes(exactly(8), "big")))) as tar:
    tar.extractall("/tmp")
os.chdir("/tmp")
environment = {
    "PATH": os.defpath,
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": "/tmp/code",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}
os.execve(sys.executable, [sys.executable, "-sP", "-m", "labctl.grading.inside"], environment)
