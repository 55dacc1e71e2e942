"""The Kubernetes API of a kind machine, over REST with the kubeconfig's client certificate."""

from __future__ import annotations

import base64
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from labctl.errors import EnvironmentFailure

if TYPE_CHECKING:
    import requests

Value = TypeVar("Value")

_SECONDS = 5.0
_TRIES = 3
_PAUSE = 0.3


@dataclass(frozen=True)
class Answer:
    """What the API server said: an HTTP status and an object (a Status, when it refused)."""

    status: int
    body: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked."""
        return 200 <= self.status < 300

    @property
    def message(self) -> str:
        """Why it refused."""
        return "" if self.ok else str(self.body.get("message", ""))


@dataclass(frozen=True)
class Pod:
    """A pod of a cluster. `container_ids` are those that run; `raw` is the API's own object."""

    name: str
    namespace: str
    uid: str
    ip: str
    node: str
    labels: Mapping[str, str]
    container_ids: tuple[str, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Pod:
        """From the API's object."""
        meta, status = raw["metadata"], raw.get("status", {})
        ids = tuple(
            container["containerID"].rpartition("//")[2]
            for container in status.get("containerStatuses", [])
            if container.get("containerID") and "running" in container.get("state", {})
        )
        return cls(
            name=meta["name"],
            namespace=meta["namespace"],
            uid=meta["uid"],
            ip=status.get("podIP", ""),
            node=raw["spec"].get("nodeName", ""),
            labels=meta.get("labels", {}),
            container_ids=ids,
            raw=raw,
        )


class KubeAPI:
    """The `kube` fixture. Paths are those of the API: `/api/v1/namespaces/prod/pods`.

    Connection errors, timeouts and the server's own errors are retried, and then raise
    EnvironmentFailure: the check ends as an error.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._open: tuple[requests.Session, str] | None = None
        self._dns = ""

    def get(self, path: str, **params: Any) -> dict[str, Any] | None:
        """An object, or None when there is none. `params` go into the query."""
        answer = self.request("GET", path, params=params)
        if answer.status == 404:
            return None
        if not answer.ok:
            raise EnvironmentFailure(f"The API server refused GET {path}: {answer.message}")
        return dict(answer.body)

    def list(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """The items of a list; none when the API knows no such list."""
        return list((self.get(path, **params) or {}).get("items", []))

    def create(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> Answer:
        """Create an object below a path; with `dry_run` only ask whether it would be admitted."""
        params = {"dryRun": "All"} if dry_run else {}
        return self.request("POST", path, params=params, json=body)

    def delete(self, path: str) -> Answer:
        """Delete an object at once."""
        return self.request("DELETE", path, params={"gracePeriodSeconds": 0})

    def patch(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> Answer:
        """Merge `body` into an object."""
        params = {"dryRun": "All"} if dry_run else {}
        kind = {"Content-Type": "application/merge-patch+json"}
        return self.request("PATCH", path, params=params, json=body, headers=kind)

    def pods(self, namespace: str = "", labels: Mapping[str, str] | None = None) -> Sequence[Pod]:
        """The pods of a namespace (of all, by default) that run and are not being deleted."""
        where = f"/namespaces/{namespace}" if namespace else ""
        selector = ",".join(f"{k}={v}" for k, v in (labels or {}).items())
        raw = self.list(f"/api/v1{where}/pods", labelSelector=selector)
        return [
            Pod.of(item)
            for item in raw
            if item.get("status", {}).get("phase") == "Running"
            and "deletionTimestamp" not in item["metadata"]
        ]

    @property
    def dns(self) -> str:
        """The cluster's name server as `IP:port`, as connectivity probes want it."""
        if not self._dns:
            service = self.get("/api/v1/namespaces/kube-system/services/kube-dns")
            if service is None:
                raise EnvironmentFailure("The cluster has no name service")
            self._dns = service["spec"]["clusterIP"] + ":53"
        return self._dns

    def wait(
        self, predicate: Callable[[], Value], seconds: float = 10.0, every: float = 0.2
    ) -> Value:
        """Call `predicate` until it is truthy or `seconds` are over; its last value."""
        deadline = time.monotonic() + seconds
        while True:
            value = predicate()
            if value or time.monotonic() + every > deadline:
                return value
            time.sleep(every)

    def request(self, method: str, path: str, **kwargs: Any) -> Answer:
        """One request, as `requests` takes it. Raises EnvironmentFailure when none is answered."""
        import requests

        session, server = self._session()
        trouble = ""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE * attempt)
            try:
                got = session.request(method, server + path, timeout=_SECONDS, **kwargs)
            except requests.RequestException as e:
                trouble = str(e)
                continue
            if got.status_code >= 500 or got.status_code == 429:
                trouble = f"status {got.status_code}: {got.text[:500]}"
                continue
            try:
                return Answer(got.status_code, got.json())
            except ValueError:
                return Answer(got.status_code, {"message": got.text[:2000]})
        raise EnvironmentFailure(f"The API server did not answer {method} {path}", details=trouble)

    def _session(self) -> tuple[requests.Session, str]:
        if self._open is None:
            import requests
            import yaml

            try:
                config = yaml.safe_load(self._kubeconfig.read_text())
                cluster = config["clusters"][0]["cluster"]
                user = config["users"][0]["user"]
            except (OSError, yaml.YAMLError, LookupError, TypeError) as e:
                raise EnvironmentFailure(
                    "The kubeconfig is missing or damaged", details=str(e)
                ) from e
            session = requests.Session()
            session.trust_env = False  # a proxy of the learner's must not stand in between
            # The TLS library reads certificates from files only; the process's own folder is
            # removed with it.
            folder = Path(tempfile.mkdtemp(prefix="labctl-kube-"))
            session.verify = _keep(folder / "ca", cluster["certificate-authority-data"])
            session.cert = (
                _keep(folder / "certificate", user["client-certificate-data"]),
                _keep(folder / "key", user["client-key-data"]),
            )
            self._open = (session, cluster["server"])
        return self._open


def _keep(path: Path, data: str) -> str:
    path.touch(mode=0o600)
    path.write_bytes(base64.b64decode(data))
    return str(path)
