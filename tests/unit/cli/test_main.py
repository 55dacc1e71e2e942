"""Errors are one message with a next step; exit codes are those that are documented."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.cli import index
from labctl.cli import main as program
from labctl.errors import EnvironmentFailure, UsageError

LABCTL = Path(sys.executable).parent / "labctl"


def run(tmp_path, *argv, **variables):
    environment = {**os.environ, "LABCTL_DATA_DIR": str(tmp_path), **variables}
    return subprocess.run(
        [LABCTL, *argv], env=environment, capture_output=True, text=True, timeout=60
    )


def every_command():
    for module in sorted(set(index.MODULES.values())):
        for name, command in index.load(module).items():
            for below in getattr(command, "commands", [""]):
                yield [name, below] if below else [name]


def test_every_command_has_help_with_an_example(tmp_path):
    commands = list(every_command())
    assert len(commands) > len(index.MODULES)
    for command in commands:
        done = run(tmp_path, *command, "--help")
        assert done.returncode == 0
        assert "Examples" in done.stdout, command


def test_the_index_names_just_the_commands_that_there_are():
    for module in sorted(set(index.MODULES.values())):
        named = {name for name, where in index.MODULES.items() if where == module}
        assert set(index.load(module)) == named


def test_help_lists_every_command_in_a_line_of_its_own(tmp_path):
    lines = [line.split() for line in run(tmp_path, "--help").stdout.splitlines()]
    listed = [words[0] for words in lines if words and words[0] in index.MODULES]
    assert listed == list(index.MODULES)
    assert "…" not in run(tmp_path, "--help", COLUMNS="80").stdout


def test_a_typing_error_is_told_what_was_meant(tmp_path):
    done = run(tmp_path, "chekc")
    assert done.returncode == 2
    assert "Did you mean 'check'?" in done.stderr


def test_no_lab_runs(tmp_path):
    done = run(tmp_path, "check")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "Error: No lab is running",
        "Next: `labctl start LAB` starts one.",
    ]


def test_an_unknown_lab(tmp_path):
    done = run(tmp_path, "info", "nonsense")
    assert done.returncode == 2
    assert "There is no lab `nonsense`" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_engine_that_does_not_answer_is_an_environment_error(tmp_path):
    done = run(tmp_path, "start", "namespaces", DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "labctl setup" in done.stderr or "labctl doctor" in done.stderr


def test_list_is_json_when_asked(tmp_path):
    labs = json.loads(run(tmp_path, "list", "--json").stdout)
    assert "default-deny" in [lab["id"] for lab in labs]


def test_colour_is_off_when_asked_or_piped(tmp_path):
    assert "\x1b" not in run(tmp_path, "info", "namespaces", NO_COLOR="1").stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("u"), 2),
        (EnvironmentFailure("e"), 3),
        (KeyboardInterrupt(), 130),
        (SystemExit(5), 5),
    ],
)
def test_exit_codes(error, code, monkeypatch, capsys):
    def fail():
        raise error

    monkeypatch.setattr(program, "_command", fail)
    assert program._run() == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_who_leaves_early_is_no_error(tmp_path):
    piped = f"LABCTL_DATA_DIR={tmp_path} {LABCTL} info namespaces | head -1"
    done = subprocess.run(piped, shell=True, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
