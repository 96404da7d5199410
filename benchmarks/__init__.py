"""Measurements of the coder; see README.md beside this file."""
