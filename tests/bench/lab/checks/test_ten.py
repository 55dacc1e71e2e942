"""Ten commands, as plain/test_ten.py has them for pytest-testinfra alone."""

from labctl.grading import check


def make(number):
    @check(f"c{number}", points=1, hint="none")
    def test(host):
        "the command answers"
        assert host.run("stat -c %n /etc/passwd").stdout.strip() == "/etc/passwd", "wrong"

    return test


for number in range(10):
    globals()[f"test_{number}"] = make(number)
