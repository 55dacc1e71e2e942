"""What all checks of this lab ask: may this one do that? The cluster itself answers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import pytest

REVIEWS = "/apis/authorization.k8s.io/v1"
READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete", "deletecollection")
RBAC = "rbac.authorization.k8s.io"
# What every account gets from Kubernetes itself: to ask about itself, whom to trust (programs
# only), and what the API offers.
_ABOUT_ONESELF = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}
_PUBLIC_PATHS = ("/api", "/apis", "/healthz", "/livez", "/readyz", "/openapi", "/version")
_PUBLIC_PATHS += ("/openid/v1/jwks", "/.well-known/openid-configuration")


@dataclass(frozen=True)
class Who:
    """Somebody who asks the API for something."""

    name: str
    user: str
    groups: tuple[str, ...]

    @classmethod
    def person(cls, user: str, *groups: str, name: str = "") -> Who:
        """Somebody who has logged in."""
        return cls(name or user, user, (*groups, "system:authenticated"))

    @classmethod
    def program(cls, namespace: str, account: str) -> Who:
        """A service account, with the groups that it is always in."""
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return cls.person(
            f"system:serviceaccount:{namespace}:{account}",
            *groups,
            name=f"the service account {namespace}/{account}",
        )


@dataclass(frozen=True)
class Deed:
    """Something that one may do, or not. `resource` as in `apps/deployments/scale`, or a path."""

    verb: str
    resource: str
    namespace: str = ""
    object: str = ""

    def __str__(self) -> str:
        place = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource.lstrip('/') or '/'}" + (
            f" `{self.object}`{place}" if self.object else place
        )

    def review(self, who: Who) -> dict:
        """What to ask the API."""
        spec: dict = {"user": who.user, "groups": list(who.groups)}
        if self.resource.startswith("//"):
            spec["nonResourceAttributes"] = {"path": self.resource[1:], "verb": self.verb}
            return {"spec": spec}
        group, _, rest = self.resource.partition("/")
        resource, _, below = rest.partition("/")
        spec["resourceAttributes"] = {
            "verb": self.verb,
            "group": group,
            "resource": resource,
            "subresource": below,
            "namespace": self.namespace,
            "name": self.object,
        }
        return {"spec": spec}


class Access:
    """Access reviews: single ones, a matrix of them, and all rules that somebody has."""

    def __init__(self, kube) -> None:
        self._kube = kube
        self._known: dict[tuple[Who, Deed], bool] = {}

    def may(self, who: Who, deed: Deed) -> bool:
        """One access review."""
        answer = self._kube.request(
            "POST", f"{REVIEWS}/subjectaccessreviews", json=deed.review(who)
        )
        assert answer.status not in (401, 403), (
            f"the cluster does not let the grader ask: {answer.message}"
        )
        if not answer.ok:
            raise RuntimeError(f"no access review: {answer.message}")
        return bool(answer.body["status"]["allowed"])

    def matrix(self, people: Iterable[Who], deeds: Iterable[Deed]) -> dict[tuple[Who, Deed], bool]:
        """The cluster's verdict about everybody and everything in it, each asked once a run."""
        cells = list(product(people, deeds))
        new = [cell for cell in cells if cell not in self._known]
        with ThreadPoolExecutor(10) as pool:
            self._known.update(zip(new, pool.map(lambda c: self.may(*c), new), strict=True))
        return {cell: self._known[cell] for cell in cells}

    def allowed(self, people: Iterable[Who], deeds: Iterable[Deed]) -> list[tuple[Who, Deed]]:
        """The cells that are allowed. A right that was just taken away may linger for a moment."""
        return self._cells(people, deeds, wanted=False)

    def denied(self, people: Iterable[Who], deeds: Iterable[Deed]) -> list[tuple[Who, Deed]]:
        """The cells that are not allowed."""
        return self._cells(people, deeds, wanted=True)

    def _cells(self, people, deeds, *, wanted: bool) -> list[tuple[Who, Deed]]:
        odd = [cell for cell, may in self.matrix(people, deeds).items() if may is not wanted]
        if odd and len(odd) < 200:
            time.sleep(0.7)
            for cell in odd:
                self._known.pop(cell)
            again = self.matrix(dict.fromkeys(w for w, _ in odd), dict.fromkeys(d for _, d in odd))
            odd = [cell for cell in odd if again[cell] is not wanted]
        return odd

    def rules(self, who: Who, namespace: str) -> dict:
        """All that somebody may do in a namespace, as the API tells that very person."""
        headers = {"Impersonate-User": who.user}
        # Of a service account the API knows the groups; it adds system:authenticated to all.
        if not who.user.startswith("system:serviceaccount:"):
            headers["Impersonate-Group"] = who.groups[0]
        answer = self._kube.request(
            "POST",
            f"{REVIEWS}/selfsubjectrulesreviews",
            json={"spec": {"namespace": namespace}},
            headers=headers,
        )
        assert answer.ok, f"{who.name} cannot even ask what it may do: {answer.message}"
        kinds = ("resourceRules", "nonResourceRules")
        return {kind: answer.body["status"].get(kind) or [] for kind in kinds}


def told(cells: list[tuple[Who, Deed]]) -> str:
    """A few of them in words."""
    words = [f"{who.name}: {deed}" for who, deed in cells[:4]]
    return "; ".join(words) + (f"; and {len(cells) - 4} more" if len(cells) > 4 else "")


def deeds(verbs: Iterable[str], resources: Iterable[str], namespaces: Iterable[str] = ("",)):
    """Every verb on every resource in every namespace."""
    return [Deed(v, r, n) for n, r, v in product(namespaces, resources, verbs)]


def common(rules: Mapping) -> bool:
    """Whether these are no more than what every account has."""
    return not uncommon(rules)


def uncommon(rules: Mapping) -> list[str]:
    """What of somebody's rules is more than every account has, in words."""
    found = []
    for rule in rules["resourceRules"]:
        about = set(rule["resources"]) <= _ABOUT_ONESELF and rule["verbs"] == ["create"]
        trust = rule["resources"] == ["clustertrustbundles"] and set(rule["verbs"]) <= set(READ)
        if not about and not trust:
            names = (
                f" (only {', '.join(rule['resourceNames'])})" if rule.get("resourceNames") else ""
            )
            found.append(f"{'/'.join(rule['verbs'])} {', '.join(rule['resources'])}{names}")
    for rule in rules["nonResourceRules"]:
        odd = [p for p in rule["nonResourceURLs"] if not _public(p)]
        if odd or rule["verbs"] != ["get"]:
            found.append(f"{'/'.join(rule['verbs'])} {', '.join(odd or rule['nonResourceURLs'])}")
    return list(dict.fromkeys(found))


def rights(rule: Mapping) -> str:
    """A rule in words."""
    return f"{'/'.join(rule['verbs'])} {', '.join(rule['resources'])}"


def _public(path: str) -> bool:
    return any(path in (p, f"{p}/", f"{p}/*") for p in _PUBLIC_PATHS)


@pytest.fixture(scope="session")
def access(kube):
    return Access(kube)


@pytest.fixture(scope="session")
def production(facts):
    return ("shop", "payments", facts["hidden"])


@pytest.fixture(scope="session")
def nowhere():
    """A namespace that nobody has made yet."""
    return f"team-{secrets.token_hex(3)}"


@pytest.fixture(scope="session")
def developers(facts):
    """One who is known by name, and one who starts tomorrow."""
    newcomer = f"dev-{secrets.token_hex(3)}"
    return (
        Who.person(facts["user"], facts["group"]),
        Who.person(newcomer, facts["group"], name="any developer"),
    )


@pytest.fixture(scope="session")
def stranger():
    return Who.person(f"guest-{secrets.token_hex(3)}", name="somebody who is no developer")


@pytest.fixture(scope="session")
def clerks(kube, facts):
    """The pods that do a job, by namespace and app."""
    found = {}
    for namespace, app in (("shop", "catalog"), ("dev", "runner")):
        pods = kube.pods(namespace, {"app": app})
        assert pods, f"no pod of {app} runs in {namespace}: nothing may be shut down"
        found[app] = pods[0]
    return found
