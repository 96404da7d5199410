"""What can be wrong with a data set: one preparation, the whole set."""

from __future__ import annotations

import errno
from pathlib import Path

from pydantic import ValidationError


class Dropped(ValueError):  # noqa: N818  (a verdict about a sound image, not a failure)
    """An image that a preparation leaves out, e.g. because it is too small."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DatasetError(ValueError):
    """A data set that cannot be used at all; one line that names it and says what to do."""


def first_problem(error: ValidationError) -> str:
    """Of a table's row that pydantic refuses: the first column that is wrong, and why."""
    first = error.errors()[0]
    return ": ".join([*map(str, first["loc"]), first["msg"]])


def disk_problem(error: OSError, folder: Path) -> str:
    """Why nothing can be written below a folder, in words that follow "path: "."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {folder} is full; make room"
    return f"cannot read or write {error.filename or folder} ({error.strerror or error})"
