"""The base image comes from this machine's own Debian sources, and from no one else's."""

import pytest

from labctl.environment.images import base


@pytest.fixture
def apt(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_both_forms_of_sources_are_understood(apt):
    (apt / "sources.list").write_text("# mirror\ndeb http://one/debian bookworm main contrib # x\n")
    (apt / "sources.list.d" / "debian.sources").write_text(
        "Types: deb\n# a comment\nURIs: http://two/debian\nSuites: bookworm bookworm-updates\n"
        f"Components: main\nSigned-By: {base._KEYRING}\n"
    )
    signed = f"[signed-by={base._KEYRING}]"
    assert base.machine_sources(apt) == [
        "deb http://one/debian bookworm main",
        f"deb {signed} http://two/debian bookworm main",
        f"deb {signed} http://two/debian bookworm-updates main",
    ]


def test_sources_of_others_are_left_out(apt):
    (apt / "sources.list").write_text(
        "deb http://v/x bookworm stable\n"
        "deb [arch=amd64 signed-by=/etc/apt/vendor.gpg] http://v/x bookworm main\n"
        "deb http://v/x bookworm-vendor main\n"
        "deb http://ubuntu/x noble main\n"
        "deb-src http://one/debian bookworm main\n"
    )
    (apt / "sources.list.d" / "off.sources").write_text(
        "Types: deb\nURIs: http://two/\nSuites: bookworm\nComponents: main\nEnabled: no\n"
    )
    assert base.machine_sources(apt) == []
