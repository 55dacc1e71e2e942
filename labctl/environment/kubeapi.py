"""The Kubernetes API of a kind machine, over REST with the kubeconfig's client certificate."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from labctl.environment.probe_client import Outage
from labctl.errors import EnvironmentFailure

if TYPE_CHECKING:
    import requests

Value = TypeVar("Value")

_SECONDS = 5.0
# How long a whole answer may take, in seconds, and how large it may be, in bytes.
_LONGEST = 20.0
_MOST = 16 << 20
_TRIES = 3
_PAUSE = 0.3
# How the server says that an admission webhook, and not itself, is the trouble; and where it
# tells of those that there are.
_WEBHOOK = "failed calling webhook"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_WEBHOOKS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")


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


Ask = Callable[..., Answer]  # as KubeAPI.ask


class Unanswered(Exception):
    """A request got no answer. The message says why, as far as that is known."""


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

    def only(self, container: str) -> Pod:
        """As if it had this container alone, to ask the kernel about.

        Raises AssertionError when it has none of that name.
        """
        found = [
            one["containerID"].rpartition("//")[2]
            for one in self.raw.get("status", {}).get("containerStatuses", [])
            if one["name"] == container and one.get("containerID")
        ]
        assert found, f"{self.name} has no container called {container}"
        return replace(self, container_ids=tuple(found))


class KubeAPI:
    """The `kube` fixture. Paths are those of the API: `/api/v1/namespaces/prod/pods`.

    Connection errors, timeouts and the server's own errors are retried. What then makes a check
    an error, or a failure, is whose doing it can be:

    - An admission webhook that does not answer, and rights that were taken from the grader, are
      the cluster's own settings, which its administrator, the learner, makes: Outage. So is a
      server that is asked to change something and hangs, while it answers questions and has
      webhooks.
    - A server that does not answer at all may have any reason: `examine` is called to look at
      it from outside, and raises Outage when it finds that it was stopped or taken away.
    - Everything else raises EnvironmentFailure: the check ends as an error.
    """

    def __init__(
        self,
        kubeconfig: Path,
        examine: Callable[[], None] = lambda: None,
        ask: Ask | None = None,
    ) -> None:
        self._kubeconfig = kubeconfig
        self._examine = examine
        self._ask = ask or self.ask
        self._open: tuple[requests.Session, str] | None = None
        self._dns = ""

    def get(self, path: str, **params: Any) -> dict[str, Any] | None:
        """An object, or None when there is none. `params` go into the query."""
        answer = self.request("GET", path, params=params)
        if answer.status == 404:
            return None
        if answer.status in (401, 403):
            raise Outage(f"the cluster does not let the grader look: {answer.message}")
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
        """One request, as `requests` takes it.

        Raises Outage or EnvironmentFailure (see above) when none is answered.
        """
        trouble = ""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE * attempt)
            try:
                answer = self._ask(method, path, **kwargs)
            except Unanswered as e:
                trouble = str(e)
                continue
            if answer.status >= 500 or answer.status == 429:
                trouble = f"status {answer.status}: {answer.message}"
                continue
            return answer
        if _WEBHOOK in trouble:
            raise Outage(f"an admission webhook of the cluster is in the way: {trouble}")
        if method != "GET" and (names := self._webhooks()):
            raise Outage(
                "the cluster answers questions, but lets nothing be created or changed; "
                f"it waits for an admission webhook; it has these: {', '.join(names)}"
            )
        self._examine()
        raise EnvironmentFailure(f"The API server did not answer {method} {path}", details=trouble)

    def ask(self, method: str, path: str, **kwargs: Any) -> Answer:
        """One try, over HTTPS; no redirection is followed. Raises Unanswered."""
        import requests

        session, server = self._session()
        kwargs |= {"timeout": _SECONDS, "allow_redirects": False, "stream": True}
        try:
            with session.request(method, server + path, **kwargs) as got:
                return Answer(got.status_code, _body(_read(got)))
        except requests.RequestException as e:
            raise Unanswered(str(e)) from e

    def _webhooks(self) -> Sequence[str]:
        """The names of all admission webhooks' configurations. Raises as `request` does."""
        return [
            str(item["metadata"]["name"])
            for kind in _WEBHOOKS
            for item in self.list(f"{_ADMISSION}/{kind}")
        ]

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
            try:
                ca, certificate, key = (
                    base64.b64decode(data)
                    for data in (
                        cluster["certificate-authority-data"],
                        user["client-certificate-data"],
                        user["client-key-data"],
                    )
                )
                session.mount("https://", _adapter(_context(ca, certificate, key)))
            except (LookupError, ValueError, OSError) as e:  # ssl.SSLError is an OSError
                raise EnvironmentFailure(
                    "The kubeconfig's certificates are missing or damaged", details=str(e)
                ) from e
            self._open = (session, cluster["server"])
        return self._open


def _read(got: requests.Response) -> bytes:
    """The body: what is at the other end may be the learner's, and send without end."""
    until, data = time.monotonic() + _LONGEST, bytearray()
    for chunk in got.iter_content(1 << 16):
        data += chunk
        if len(data) > _MOST or time.monotonic() > until:
            raise Unanswered(f"the answer did not end, after {len(data) >> 10} KiB")
    return bytes(data)


def _body(data: bytes) -> Mapping[str, Any]:
    """The object in an answer; of anything else, the beginning as a message."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    return body if isinstance(body, Mapping) else {"message": data[:2000].decode(errors="replace")}


def _context(ca: bytes, certificate: bytes, key: bytes) -> ssl.SSLContext:
    """TLS as this client, towards servers of this authority; all three are PEM."""
    context = ssl.create_default_context(cadata=ca.decode())
    # The TLS library reads keys from files only: the file is gone before the first request.
    with tempfile.NamedTemporaryFile(prefix="labctl-kube-") as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _adapter(context: ssl.SSLContext) -> requests.adapters.HTTPAdapter:
    import requests.adapters

    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: Any, **more: Any) -> None:
            super().init_poolmanager(*args, ssl_context=context, **more)

        def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
            """The context says whom to trust: no authority of the system is added."""

    return Adapter()
