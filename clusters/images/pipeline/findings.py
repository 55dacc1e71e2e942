"""Keeps what scanners have found: a small stand-in for the security tab of a code host.

POST /APP/RELEASE    a result in the SARIF format, of any scanner. A later one takes its place.
GET /APP/RELEASE     {"tool", "findings": [{"id", "severity"}]}
GET /                all of them, to be read by people
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PLACE = re.compile(r"/([a-z][a-z0-9-]{0,40})/([a-z0-9][a-z0-9.-]{0,40})")
_LARGEST = 4 << 20

results: dict[tuple[str, str], dict] = {}
keeping = threading.Lock()


def severity(rule: dict) -> str:
    """What a rule says of its severity: by its CVSS score, as code hosts do."""
    score = float(rule.get("properties", {}).get("security-severity") or 0)
    for least, name in ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low")):
        if score >= least:
            return name
    return "unknown"


def read(content: bytes) -> dict:
    """What a SARIF file says; ValueError when it is none."""
    try:
        (run,) = json.loads(content)["runs"]
        driver = run["tool"]["driver"]
        rules = {rule["id"]: rule for rule in driver.get("rules", [])}
        ids = sorted({result["ruleId"] for result in run["results"]})
        found = [{"id": each, "severity": severity(rules.get(each, {}))} for each in ids]
        return {"tool": str(driver["name"]), "findings": found}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ValueError("this is no SARIF file with one run") from None


def table() -> str:
    """All results, for people."""
    lines = [f"{'APP':16} {'RELEASE':10} {'TOOL':8} FINDINGS"]
    for (app, release), result in sorted(results.items()):
        found = ", ".join(f"{one['id']} ({one['severity']})" for one in result["findings"])
        lines.append(f"{app:16} {release:10} {result['tool']:8} {found or 'none'}")
    return "\n".join(lines if results else ["Nobody has scanned anything yet."]) + "\n"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        place = _PLACE.fullmatch(self.path)
        if self.path == "/":
            self._answer(200, table())
        elif place and place.groups() in results:
            self._answer(200, json.dumps(results[place.groups()]) + "\n")
        else:
            self._answer(404, "no scan of that app and release has been uploaded\n")

    def do_POST(self) -> None:
        place, length = _PLACE.fullmatch(self.path), int(self.headers.get("Content-Length") or 0)
        if not place or not 0 < length <= _LARGEST:
            self._answer(400, "POST /APP/RELEASE, with a SARIF file of at most 4 MiB\n")
            return
        try:
            result = read(self.rfile.read(length))
        except ValueError as e:
            self._answer(400, f"{e}\n")
            return
        with keeping:
            results[place.groups()] = result
        self._answer(201, "kept\n")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
