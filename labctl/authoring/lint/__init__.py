"""What a reviewer would find in a lab, found without running it."""

from labctl.authoring.lint.finding import Finding
from labctl.authoring.lint.rules import lint

__all__ = ["Finding", "lint"]
