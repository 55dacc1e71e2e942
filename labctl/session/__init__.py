"""One learner's running lab on one host: its record, its store, its lifecycle."""
