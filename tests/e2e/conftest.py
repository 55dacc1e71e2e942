"""Checks of the labs that lie here are no tests: labctl runs them."""

collect_ignore_glob = ["*/checks/*"]
