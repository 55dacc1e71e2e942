"""The same ten commands for pytest-testinfra's own docker backend."""

import pytest


@pytest.mark.parametrize("number", range(10))
def test_command(host, number):
    assert host.run("stat -c %n /etc/passwd").stdout.strip() == "/etc/passwd"
