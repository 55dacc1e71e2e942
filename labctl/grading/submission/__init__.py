"""What a learner hands in: packed, read as data from an enemy, judged, and replayed."""
