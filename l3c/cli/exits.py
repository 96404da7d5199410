"""Exit codes, and which of them an error means. They stay as they are: scripts depend on them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from coder.errors import CorruptStreamError
from l3c.cli.interrupts import INTERRUPTED
from l3c.fileformat.errors import ModelMismatchError, NotExactError
from l3c.images.picture import PictureError
from l3c.models.zoo import ModelError


class Exit(IntEnum):
    """How a command ended."""

    GOOD = 0
    FAILED = 1
    USAGE = 2
    DAMAGED = 3
    NO_MODEL = 4
    SALVAGED = 5
    NOT_EXACT = 6
    INTERRUPTED = INTERRUPTED
    BROKEN_PIPE = 141  # 128 + SIGPIPE


MEANINGS = {
    Exit.GOOD: "everything was done",
    Exit.FAILED: "a file could not be read, written or used, or files failed for several reasons",
    Exit.USAGE: "the command line is wrong; nothing was done",
    Exit.DAMAGED: "a file is damaged: truncated, altered, or a checksum does not fit",
    Exit.NO_MODEL: "the model is missing, another one, or cannot be used",
    Exit.SALVAGED: "decode --salvage wrote an image that lacks something",
    Exit.NOT_EXACT: "a file is intact, but this machine computes other numbers than its encoder",
    Exit.INTERRUPTED: "interrupted; no half-written file is left",
    Exit.BROKEN_PIPE: "whoever read the output stopped reading",
}


class UsageError(Exception):
    """Arguments that do not go together; the message says what to write instead."""


def exit_of(error: BaseException) -> Exit:
    """The exit code that an error means."""
    if isinstance(error, UsageError):
        return Exit.USAGE
    if isinstance(error, NotExactError):
        return Exit.NOT_EXACT
    if isinstance(error, CorruptStreamError):
        return Exit.DAMAGED
    if isinstance(error, ModelError | ModelMismatchError):
        return Exit.NO_MODEL
    return Exit.FAILED


def combined(codes: Iterable[Exit]) -> Exit:
    """The exit code of a command: that of its failures if they agree, else FAILED."""
    failures = set(codes) - {Exit.GOOD}
    if not failures:
        return Exit.GOOD
    return failures.pop() if len(failures) == 1 else Exit.FAILED


def reason(error: BaseException, name: str) -> str:
    """An error's message in one line, without the name of the file, which the caller puts first."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, PictureError):
        return error.reason
    strerror = error.strerror if isinstance(error, OSError) else None
    text = " ".join((strerror or str(error)).split()) or type(error).__name__
    return text.removeprefix(f"{name}: ")
