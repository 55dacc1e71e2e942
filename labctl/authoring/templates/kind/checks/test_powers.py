"""What is graded. labs/README.md lists all that a check can use."""

import pytest

from labctl.grading import check, weakness

# With any of these, root in a container is root of the machine under it.
GRAVE = {"CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_PTRACE", "CAP_SYS_RAWIO", "CAP_NET_ADMIN"}


@pytest.fixture
def shops(kube, kernel, probe, facts):
    """Finds the process of every pod that answers as the shop does, whatever its labels say."""
    token = f"Shop {facts['shop-name']}"

    # A function, because a weakness is tried again until it holds, and its fixtures are not.
    def look():
        return [
            kernel.process(pod)
            for pod in kube.pods("shop")
            if token in probe.http(pod, "http://127.0.0.1:8080/").text
        ]

    return look


# A weakness must hold in the untouched lab: `start` tries until it does. It makes sure that no
# learner is given a lab that is not broken.
@weakness("all-powers", seconds=90)
def test_all_powers(shops):
    found = shops()
    assert found, "the shop does not run yet"
    assert "CAP_SYS_ADMIN" in found[0].capabilities


# A check must fail in the untouched lab, and hold when the lab is done. That is why one check asks
# for both here: a check for the shop alone would give points for doing nothing.
@check("few-powers", points=2, hint="`kubectl explain pod.spec.containers.securityContext` tells.")
def test_few_powers(shops):
    "The shop works, without any power over its machine"  # what the learner reads
    found = shops()
    # The message of an assert is what a learner reads who is not there yet.
    assert found, "no pod in the namespace shop answers as the shop did, on its port 8080"
    for shop in found:
        grave = shop.capabilities & GRAVE
        assert not grave, f"a shop has powers such as {min(grave)}"
