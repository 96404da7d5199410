"""What can be wrong with a data set."""

from __future__ import annotations


class DatasetError(ValueError):
    """A data set that cannot be used at all; one line that names it and says what to do."""


def words(error: BaseException) -> str:
    """What the system said, on one line: the innermost cause, without the packing of libraries."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__
