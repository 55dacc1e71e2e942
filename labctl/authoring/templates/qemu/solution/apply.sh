./tidy-up
