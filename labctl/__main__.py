"""`python -m labctl` is the same as `labctl`."""

from labctl.cli.main import main

main()
