"""What is graded. labs/README.md lists all that a check can use."""

import pytest

from labctl.grading import check, weakness

# With any of these, root in a container is root of the machine under it.
GRAVE = {"CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_PTRACE", "CAP_SYS_RAWIO", "CAP_NET_ADMIN"}


@pytest.fixture
def shops(kernel, probe, facts):
    """Finds every process that answers as the shop does, whatever its container is called."""

    # A function, because a weakness is tried again until it holds, and its fixtures are not.
    def look():
        found, networks = [], {kernel.process("engine").ns.net}
        for process in kernel.processes("engine"):
            if process.ns.net in networks:
                continue
            networks.add(process.ns.net)
            holder = kernel.listener(process, 8080)
            if holder and token(facts) in probe.http(holder, "http://127.0.0.1:8080/").text:
                found.append(holder)
        return found

    return look


def token(facts):
    return f"Shop {facts['shop-name']}"


# A weakness must hold in the untouched lab: `start` tries until it does. It makes sure that no
# learner is given a lab that is not broken.
@weakness("all-powers", seconds=30)
def test_all_powers(shops):
    found = shops()
    assert found, "the shop does not run yet"
    assert "CAP_SYS_ADMIN" in found[0].capabilities


# A check must fail in the untouched lab, and hold when the lab is done. That is why one check asks
# for both here: a check for the shop alone would give points for doing nothing.
@check("few-powers", points=2, hint="One option of `docker run` gives a container all powers.")
def test_few_powers(shops, probe, facts):
    "The shop works, without any power over its machine"  # what the learner reads
    found = shops()
    # The message of an assert is what a learner reads who is not there yet.
    assert found, "no container answers as the shop did, on its port 8080"
    for shop in found:
        grave = shop.capabilities & GRAVE
        assert not grave, f"a shop has powers such as {min(grave)}"
    page = probe.http("engine", "http://127.0.0.1:8080/")
    assert token(facts) in page.text, "the shop does not answer on port 8080 of the machine"
