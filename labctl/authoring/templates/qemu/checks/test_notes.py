"""What is graded. labs/README.md lists all that a check can use."""

from labctl.grading import check, weakness

NAME_SERVER = "127.0.0.11:53"  # the container engine's: machines find each other by name


def page(probe, path):
    return probe.http("operator", f"http://box/{path}", dns=NAME_SERVER)


# A weakness must hold in the untouched lab: `start` tries until it does. It makes sure that no
# learner is given a lab that is not broken.
@weakness("notes-for-all", seconds=30)
def test_notes_for_all(probe, facts):
    assert facts["safe-code"] in page(probe, "notes.txt").text


# A check must fail in the untouched lab, and hold when the lab is done. That is why one check asks
# for both here: a check for the site alone would give points for doing nothing.
@check("notes-safe", points=2, seconds=60, hint="`vm exec box -- mv /srv/site/notes.txt /root/`")
def test_notes_safe(probe, guest, facts):
    "The web site works, nobody reads the notes there, and they are in /root/notes.txt"
    # The message of an assert is what a learner reads who is not there yet.
    assert page(probe, "").text == "This is the shop.\n", "the web site does not answer any more"
    assert facts["safe-code"] not in page(probe, "notes.txt").text, "everybody reads the notes"
    # What the guest itself says is no evidence. Its disk is read from outside.
    kept = guest("box").read("/root/notes.txt")["/root/notes.txt"]
    assert kept is not None, "on the machine's disk there is no file /root/notes.txt"
    assert facts["safe-code"].encode() in kept, "/root/notes.txt has not what the notes said"
