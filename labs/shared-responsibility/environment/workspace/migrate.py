#!/usr/bin/python3
"""Brings rows that are there already into the form that models.py has now: to be written."""
