# `make demo` and `make test` need nothing but this file's folder, make, and Python 3.11 or later.
.PHONY: setup demo test test-all bench lint lock schema clean browser
.DELETE_ON_ERROR:

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
UV := uv==0.13.9

setup: .venv/ready
	$(BIN)/labctl setup

demo: .venv/ready
	$(BIN)/labctl setup namespaces default-deny
	$(BIN)/labctl demo

test: setup lint browser
	$(BIN)/python -m pytest

test-all: setup lint browser
	LABCTL_MATRIX=all $(BIN)/python -m pytest

# The second takes three quarters of an hour, and so does the third; the last a minute.
bench: setup
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.grading
	$(BIN)/python -m tests.bench.ready
	$(BIN)/python -m tests.bench.guest

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The gradebook's page is tested in a real browser.
browser:
	@command -v chromium >/dev/null || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium; \
	  else echo "Chromium is missing: sudo apt-get install chromium" >&2; exit 3; fi

# Versions and hashes of every Python package, for all platforms; no index is named in it.
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/pip install --quiet $(UV)
	build/lock/bin/uv pip compile --quiet --native-tls --universal --python-version 3.11 \
	  --upgrade --generate-hashes --no-emit-index-url --no-header --extra dev \
	  --output-file requirements.lock pyproject.toml
	rm -rf build/lock

schema: .venv/ready
	$(BIN)/python -c 'from pathlib import Path; from labctl.lab import schema; \
	  schema.write(Path("labs/lab.schema.json"))'

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made anew when the lock or pyproject.toml changed. Debian's bare Python has no venv.
.venv/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed (Debian: apt-get install python3)" >&2; exit 3; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy python3-venv; \
	  else echo "Python's venv is missing: sudo apt-get install python3-venv" >&2; exit 3; fi
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --no-compile --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
