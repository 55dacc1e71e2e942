"""labctl lab: exit codes, and what it says."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.cli.authoring import lab

LABCTL = Path(sys.executable).parent / "labctl"


@pytest.fixture
def run(tmp_path):
    def labctl(*argv, **variables):
        environment = {
            **os.environ,
            "LABCTL_DATA_DIR": str(tmp_path / "data"),
            "DOCKER_HOST": "unix:///nonexistent/docker.sock",
            **variables,
        }
        return subprocess.run(
            [LABCTL, "lab", *argv],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return labctl


def test_every_command_has_help_with_an_example(run):
    assert len(lab.registered_commands) >= 3
    for command in lab.registered_commands:
        done = run(command.name or command.callback.__name__, "--help")
        assert done.returncode == 0
        assert "Examples" in done.stdout, command.name


def test_from_new_to_lint(run, tmp_path):
    made = run("new", "open-door", "--in", "labs")
    assert made.returncode == 0
    assert "labctl lab lint" in made.stdout
    clean = run("lint", "labs/open-door")
    assert (clean.returncode, clean.stdout) == (0, "1 lab: nothing to mend\n")

    (tmp_path / "labs/open-door/README.md").write_text("# A door\n\n[more](nowhere.md)\n")
    flawed = run("lint", "labs/open-door")
    assert flawed.returncode == 1
    assert flawed.stdout.splitlines() == [
        "labs/open-door/README.md:3: `nowhere.md` leads to no file [dead-link]",
        "    Mend the link, or take it out.",
        "1 lab: 1 to mend",
    ]
    (found,) = json.loads(run("lint", "labs/open-door", "--json").stdout)
    assert (found["rule"], found["line"]) == ("dead-link", 3)


def test_a_lab_is_added_only_with_a_yes(run, tmp_path):
    run("new", "open-door", "--in", "labs")
    refused = run("add", "labs/open-door")
    assert refused.returncode == 2
    assert "only when you agree" in refused.stderr
    assert "open-door: A door that nobody closed" in refused.stdout
    assert "build images (box)" in refused.stdout
    assert run("add", "labs/open-door", "--json").returncode == 2

    added = run("add", "labs/open-door", "--yes")
    assert added.returncode == 0
    assert "labctl start open-door" in added.stdout
    again = json.loads(run("add", "labs/open-door", "--json").stdout)
    assert (again["added"], again["source"]) == (False, str(tmp_path / "labs" / "open-door"))

    removed = run("remove", "open-door", "--json")
    assert json.loads(removed.stdout)["removed"] == "open-door"
    assert run("remove", "open-door").returncode == 2
    assert (tmp_path / "labs" / "open-door" / "lab.yaml").is_file()


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_on_a_terminal_one_is_asked(run, tmp_path, answer, code):
    run("new", "open-door", "--in", "labs")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "wb") as terminal:
        child = subprocess.Popen(
            [LABCTL, "lab", "add", "labs/open-door"],
            cwd=tmp_path,
            env={**os.environ, "LABCTL_DATA_DIR": str(tmp_path / "data")},
            stdin=terminal,
            stdout=terminal,
            stderr=subprocess.DEVNULL,
        )
    told = b""
    while b"[y/N]" not in told:
        told += os.read(ours, 4096)
    os.write(ours, f"{answer}\n".encode())
    assert child.wait(30) == code
    os.close(ours)
    registry = tmp_path / "data" / "labs" / "registry.json"
    assert registry.is_file() == (answer == "y")


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (("add", "nowhere"), "There is no lab in"),
        (("add", "nowhere", "--ref", "main"), "`--ref`, `--commit` and `--path` are for git"),
        (("add", "http://example.org/x.git"), "Labs cannot be fetched from"),
        (("remove", "namespaces"), "The lab `namespaces` comes with labctl"),
        (("lint", "nonsense"), "`nonsense` is neither a lab nor a folder with a lab.yaml"),
        (("test",), "Which labs?"),
        (("test", "nonsense"), "There is no lab `nonsense`"),
        (("test", "--all", "namespaces"), "`--all` already means every variant of every lab"),
        (("test", "namespaces", "--jobs", "many"), "`--jobs many` is neither `auto` nor a number"),
        (("test", "namespaces", "--only", "nix"), "No chosen lab has a variant `nix`"),
        (("new", "Open Door"), "`Open Door` cannot be a lab's id"),
    ],
)
def test_wrong_usage(run, argv, error):
    done = run(*argv)
    assert done.returncode == 2
    assert f"Error: {error}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_engine_that_does_not_answer_is_an_environment_error(run):
    done = run("test", "namespaces", "--only", "untouched")
    assert done.returncode == 3
    assert "No Docker engine answers" in done.stderr
    assert "Traceback" not in done.stderr


def test_our_own_labs_have_nothing_to_mend(run):
    done = run("lint")
    assert (done.stdout, done.returncode) == (
        f"{done.stdout.split()[0]} labs: nothing to mend\n",
        0,
    )
