"""The gradebook: the outcome of many submissions, and the formats that it is handed on in."""
