"""Measurements of the coder; see README.md beside this file."""

from l3c.threads import limit_spinning

limit_spinning()
