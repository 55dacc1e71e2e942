"""The errors of labctl: raised once, saying what to do; printed once, by the cli."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class LabctlError(Exception):
    """Something that the user is told about in one message.

    `message` says what went wrong and where, `details` holds the evidence (a command's
    output, a list of problems), `resolution` is the next step.
    `exit_code` is what the command ends with: see ARCHITECTURE.md, exit codes.
    """

    exit_code: ClassVar[int] = 3

    def __init__(
        self, message: str, *, details: str | None = None, resolution: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.resolution = resolution


class UsageError(LabctlError):
    """The command was asked for something that does not exist or makes no sense."""

    exit_code = 2


class DefinitionError(LabctlError):
    """A lab's definition is wrong; `details` lists every problem with file and line."""

    exit_code = 2


class EnvironmentFailure(LabctlError):
    """The engine, a machine or an API could not be used: nobody's fault until shown otherwise."""


class NotFound(EnvironmentFailure):
    """A machine, image or session that should be there is not there."""


class WaitTimeout(EnvironmentFailure):
    """A wait reached its deadline; the message says what was waited for."""


class ProcessError(EnvironmentFailure):
    """A program that labctl ran failed, or could not be started, or ran out of time."""

    def __init__(self, argv: Sequence[str], reason: str, output: str) -> None:
        super().__init__(f"`{' '.join(argv)}` {reason}", details=output.strip() or None)
        self.argv = tuple(argv)
