"""What labs, machines, networks and sessions may be called."""

# One rule for all: names become parts of container names and of kind's host names (63
# characters at most), and `--` separates session from machine there.
NAME_PATTERN = r"^[a-z0-9](?:-?[a-z0-9])*$"

# Images that are labctl's own and have rights: no lab may put another in their place.
OWN_IMAGES = ("base", "checker", "node", "probe")
