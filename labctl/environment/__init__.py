"""Machines and networks: what a lab needs to exist, on one engine."""
