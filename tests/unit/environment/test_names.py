"""A session is told from the names of what it made."""

import pytest

from labctl.environment.model import session_of


@pytest.mark.parametrize(
    ("name", "session"),
    [
        ("labctl-a--b-c", "a"),
        ("labctl-a-b--c", "a-b"),
        ("labctl-a", ""),
        ("other--cluster", ""),
        ("kind", ""),
    ],
)
def test_session_of(name, session):
    assert session_of(name) == session
