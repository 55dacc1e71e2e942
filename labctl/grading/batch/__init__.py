"""Many submissions, one command: what comes in, how it is worked off, what is kept."""
