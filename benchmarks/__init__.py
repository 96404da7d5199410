"""Measurements of the coder; see README.md beside this file."""

from l3c import openmp

openmp.limit_spinning()
