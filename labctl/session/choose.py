"""Which session a command means."""

from __future__ import annotations

from labctl.errors import UsageError
from labctl.session.model import Record, valid_name
from labctl.session.store import Store


def choose(store: Store, name: str | None) -> Record:
    """The session that a command means: the one named, else the only one there is.

    Raises UsageError when there is none, or several and none was named.
    """
    names = store.names()
    if name is None and len(names) > 1:
        raise UsageError(
            "Several labs are running",
            details="Sessions: " + ", ".join(names),
            resolution="Say which one you mean with `--session NAME` or LABCTL_SESSION.",
        )
    if name is None and not names:
        raise UsageError("No lab is running", resolution="`labctl start LAB` starts one.")
    record = store.load(valid_name(name) if name else names[0])
    if record is None:
        known = ", ".join(names) or "none"
        raise UsageError(f"There is no session `{name}`", resolution=f"Sessions: {known}.")
    return record
