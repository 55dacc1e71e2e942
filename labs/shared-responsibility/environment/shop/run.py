"""The shop's app, around the models that it finds in the workspace.

POST /customers        {"name", "email", "iban"}: keeps a customer, and answers with the number.
GET /customers/NUMBER  the customer.
POST /reload           reads the models anew. Whenever their file has changed, it does by itself.
"""

import importlib.util
import json
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

_MODELS = Path("/workspace/shop/models.py")
_FIELDS = ("name", "email", "iban")


class Shop:
    """The models as they were when their file was last read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True)
        self._read = 0

    def models(self, again: bool = False):
        """The module; raises whatever is wrong with it."""
        with self._lock:
            changed = _MODELS.stat().st_mtime_ns
            if again or changed != self._read:
                self._read = 0
                spec = importlib.util.spec_from_file_location("models", _MODELS)
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                module.Base.metadata.create_all(self._engine)
                self._module, self._read = module, changed
            return self._module

    def add(self, values: dict) -> int:
        """Keep a customer."""
        models = self.models()
        with Session(self._engine) as session:
            customer = models.Customer(**{field: str(values[field]) for field in _FIELDS})
            session.add(customer)
            session.commit()
            return customer.number

    def find(self, number: int):
        """A customer's fields, or None."""
        models = self.models()
        with Session(self._engine) as session:
            customer = session.get(models.Customer, number)
            return customer and {field: getattr(customer, field) for field in _FIELDS}


shop = Shop()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        place = re.fullmatch(r"/customers/([0-9]{1,9})", self.path)
        if self.path == "/":
            self._answer(200, {"shop": "open"})
        elif place:
            self._try(lambda: shop.find(int(place[1])))
        else:
            self._answer(404, {"error": "there is no such page"})

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 16))
        if self.path == "/customers":
            self._try(lambda: {"number": shop.add(json.loads(body))})
        elif self.path == "/reload":
            self._try(lambda: shop.models(again=True) and {"read": True})
        else:
            self._answer(404, {"error": "there is no such page"})

    def _try(self, action) -> None:
        """An error never tells what was in the database."""
        try:
            found = action()
        except Exception as e:
            line = f"{time.strftime('%H:%M:%S')} {self.path}: {type(e).__name__}: {e}\n"
            sys.stderr.write(line)
            self._answer(500, {"error": type(e).__name__})
        else:
            self._answer(200 if found else 404, found or {"error": "there is no such customer"})

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
