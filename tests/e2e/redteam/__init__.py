"""The red team: everything that a learner's root can do to be graded better than they are."""
