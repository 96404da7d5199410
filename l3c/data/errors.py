"""What can be wrong with a data set."""

from __future__ import annotations


class DatasetError(ValueError):
    """A data set that cannot be used at all; one line that names it and says what to do."""
