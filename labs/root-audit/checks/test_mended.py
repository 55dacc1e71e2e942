"""After the mending: nobody may be root, nobody is, and all do their job."""

from __future__ import annotations

from conftest import offences

from labctl.grading import check, weakness


def _working(scene, apps) -> None:
    """All of these do their job, and nothing in their pods is root or may be."""
    broken = scene.broken(apps)
    assert not broken, broken
    left = sum(scene.may_be_root(app) for app in apps)
    assert not left, f"all {len(apps)} apps of this kind work, but {left} of them may be root"


@weakness("apps-work", seconds=90)
def test_apps_work(look):
    "All twelve apps do their job"
    scene = look()
    broken = scene.broken(scene.apps)
    assert not broken, broken


@check(
    "root-forbidden",
    points=3,
    seconds=60,
    hint="runAsUser says whom a container runs as. runAsNonRoot says that it must never be root, "
    "whatever the image or the next edit says. Both are asked for in effect, in init "
    "containers and sidecars, too. Run your audit again.",
)
def test_root_forbidden(scene):
    "In all Deployments, every container must not be root: runAsNonRoot holds, and no user is 0"
    gone = [str(app) for app in scene.apps if app.place not in scene.deployments]
    assert not gone, f"nothing may be removed, and these are gone: {', '.join(gone[:3])}"
    specs = [each["spec"]["template"]["spec"] for each in scene.deployments.values()]
    found = [len(offences(spec)) for spec in specs]
    assert not any(found), (
        f"{sum(found)} containers may still be root, in {sum(map(bool, found))} Deployments"
    )


@check(
    "not-root",
    points=3,
    seconds=60,
    hint="`kubectl exec` with `/clerk look` shows the user in a container. If the Deployment is "
    "right and the pod is not: does its rollout end? `kubectl get pods -A`, and "
    "`kubectl describe pod` tells why not. Pods that you made for trying count, too.",
)
def test_not_root(scene):
    "Pods of every app run, and the kernel finds no process of root in any pod"
    idle = [str(app) for app in scene.apps if not any(p.container_ids for p in scene.own_of(app))]
    assert not idle, f"no pod of these runs: {', '.join(idle[:3])}; nothing may be shut down"
    mine = {pod.uid for app in scene.apps for pod in scene.own_of(app)}
    stray = [f"{p.namespace}/{p.name}" for p, _ in scene.roots if p.uid not in mine]
    assert not stray, f"the pod {stray[0]} belongs to no app, and root is in it"
    assert not scene.roots, f"in {len(scene.roots)} containers the kernel finds processes of root"


@check(
    "files-kept",
    points=2,
    seconds=60,
    hint="What could only root write, or read? A folder of the image belongs to root: mount an "
    "emptyDir there. A secret with mode 0400 belongs to root: `fsGroup` of the pod gives it "
    "to a group that all its containers are in.",
)
def test_files_kept(scene):
    "The apps that keep a ledger or read a secret still do, and none of them may be root"
    _working(scene, [app for app in scene.apps if app.case.job != "stamps"])


@check(
    "second-works",
    points=2,
    seconds=60,
    hint="Some pods have a second container that answers on port 81 of the Service: a helper, or "
    "a sidecar, which is an init container with `restartPolicy: Always`. It stays, as "
    "somebody else than root.",
)
def test_second_works(scene):
    "The pods with a second service still offer both, and none of them may be root"
    _working(scene, [app for app in scene.apps if app.case.second])


@check(
    "rest-works",
    points=2,
    seconds=60,
    hint="An image without a user of its own needs runAsUser beside runAsNonRoot, or its pod does "
    "not start: `kubectl describe pod` says so. Who moves an app to another port moves its "
    "`containerPort`, too: the Service finds it by the name that stands there.",
)
def test_rest_works(scene):
    "All other apps still do their job for customers of their Service, and none may be root"
    rest = [app for app in scene.apps if app.case.job == "stamps" and not app.case.second]
    _working(scene, rest)
