#!/usr/bin/python3
"""build APP RELEASE: have the pipeline build an app, and end as it ended."""

import json
import sys
import time
import urllib.error
import urllib.request

_RUNNER = "http://pipeline:8080/builds"


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: build APP RELEASE, as in: build web 1.3", file=sys.stderr)
        return 2
    body = json.dumps({"app": sys.argv[1], "release": sys.argv[2]}).encode()
    try:
        with urllib.request.urlopen(_RUNNER, body) as answer:
            number = json.load(answer)["id"]
    except urllib.error.HTTPError as e:
        print(f"build: {json.load(e)['error']}", file=sys.stderr)
        return 2
    while True:
        with urllib.request.urlopen(f"{_RUNNER}/{number}") as answer:
            build = json.load(answer)
        if build["status"] is not None:
            print(build["log"], end="")
            print(f"pipeline.sh ended with {build['status']}")
            return build["status"] if 0 <= build["status"] < 256 else 1
        time.sleep(0.2)


sys.exit(main())
