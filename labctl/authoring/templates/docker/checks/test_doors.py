"""What is graded. labs/README.md lists all that a check can use."""

import time

from labctl.grading import check, weakness

SHOP = 8080


def doors(kernel):
    """The ports that others can reach, as the machine's kernel knows them from outside."""
    return {each.port for each in kernel.listeners("box") if not each.address.startswith("127.")}


# A weakness must hold in the untouched lab: `start` tries until it does. It makes sure that no
# learner is given a lab that is not broken.
@weakness("two-doors", seconds=30)
def test_two_doors(kernel, facts):
    assert doors(kernel) == {SHOP, int(facts["debug-port"])}


# A check must fail in the untouched lab, and hold when the lab is done. That is why one check asks
# for both here: a check for the shop alone would give points for doing nothing.
@check("one-door", points=2, hint="`ss -tlnp` lists the doors; /workspace/services opens them.")
def test_one_door(kernel, probe):
    "Only the shop's port is open, and the shop answers"  # what the learner reads
    for _ in range(12):  # the machine takes a moment to follow a change of the file
        if doors(kernel) == {SHOP}:
            break
        time.sleep(0.25)
    page = probe.http("box", f"http://127.0.0.1:{SHOP}/")
    # The message of an assert is what a learner reads who is not there yet.
    assert "This is shop." in page.text, f"the shop does not answer on port {SHOP}"
    others = doors(kernel) - {SHOP}
    assert not others, "another door is open: port " + ", ".join(map(str, sorted(others)))
