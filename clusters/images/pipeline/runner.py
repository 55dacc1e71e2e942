"""The pipeline's runner: runs pipeline.sh on an app's sources, and remembers how it went.

POST /builds      {"app", "release"}, and perhaps {"files": {name: text}}: sources that are not in
                  the workspace, as of a branch that somebody has just pushed. Answers with the id.
GET /builds/ID    {"app", "release", "status", "log"}; status is null until the build has ended.

pipeline.sh is started with sh, in a copy of the sources, with the app's name and the release.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_WORKSPACE = Path("/workspace")
_SECONDS = 120
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_RELEASE = re.compile(r"[a-z0-9][a-z0-9.-]{0,40}")
_FILE = re.compile(r"[A-Za-z0-9._-]{1,60}")
_LOG = 20_000  # characters that are kept, from the end

builds: list[dict] = []
adding = threading.Lock()
two_at_a_time = threading.Semaphore(2)


def wanted(asked: object) -> dict:
    """A build as it was asked for; ValueError with what is wrong."""
    if not isinstance(asked, dict):
        raise ValueError("an object with `app` and `release` is wanted")
    app, release, files = asked.get("app"), asked.get("release"), asked.get("files")
    if not isinstance(app, str) or not _NAME.fullmatch(app):
        raise ValueError("`app` is to be a name in small letters")
    if not isinstance(release, str) or not _RELEASE.fullmatch(release):
        raise ValueError("`release` is to be a version, such as 1.3")
    if files is None:
        if not (_WORKSPACE / app).is_dir():
            raise ValueError(f"there is no folder {app} in the workspace")
    elif not isinstance(files, dict) or not all(
        _FILE.fullmatch(name) and name not in (".", "..") and isinstance(text, str)
        for name, text in files.items()
    ):
        raise ValueError("`files` is to hold texts by file name")
    return {"app": app, "release": release, "files": files, "status": None, "log": ""}


def run(build: dict) -> None:
    """Run one build to its end."""
    with two_at_a_time, tempfile.TemporaryDirectory() as work:
        sources = Path(work) / "sources"
        if build["files"] is None:
            shutil.copytree(_WORKSPACE / build["app"], sources, symlinks=True)
        else:
            sources.mkdir()
            for name, text in build["files"].items():
                (sources / name).write_text(text)
        command = ["sh", str(_WORKSPACE / "pipeline.sh"), build["app"], build["release"]]
        process = subprocess.Popen(
            command,
            cwd=sources,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            said, status = process.communicate(timeout=_SECONDS)[0], process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, status = b"stopped: it took too long\n", 124
        build["log"] = said.decode("utf-8", "replace")[-_LOG:]
        build["status"] = status


def attempt(build: dict) -> None:
    """Run one build; a runner's own trouble is a build that failed."""
    try:
        run(build)
    except OSError as e:
        build["log"], build["status"] = f"{e}\n", 125


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = re.fullmatch(r"/builds/([0-9]{1,9})", self.path)
        if self.path == "/":
            self._answer(200, {"builds": len(builds)})
        elif found and int(found[1]) < len(builds):
            build = builds[int(found[1])]
            self._answer(200, {key: build[key] for key in ("app", "release", "status", "log")})
        else:
            self._answer(404, {"error": "there is no such build"})

    def do_POST(self) -> None:
        try:
            length = min(int(self.headers.get("Content-Length", 0)), 1 << 20)
            build = wanted(json.loads(self.rfile.read(length)))
        except ValueError as e:
            self._answer(400, {"error": str(e)})
            return
        with adding:
            builds.append(build)
            number = len(builds) - 1
        threading.Thread(target=attempt, args=(build,), daemon=True).start()
        self._answer(201, {"id": number})

    def _answer(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
