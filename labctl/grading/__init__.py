"""Checks to report. Labs import `check` and `weakness` from here."""

from labctl.grading.marks import check, weakness

__all__ = ["check", "weakness"]
