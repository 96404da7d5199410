"""What can be wrong with a data set."""

from __future__ import annotations


class DatasetError(ValueError):
    """A data set that cannot be used; one line with its name, the reason and what to do."""
