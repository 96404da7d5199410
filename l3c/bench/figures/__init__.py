"""Figures of a run, from its tables: SVG and PNG, one function each (see `registry`)."""
