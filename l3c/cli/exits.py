"""Exit codes, and errors in words and fields. Codes stay as they are: scripts depend on them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from l3c.cli.process import INTERRUPTED
from l3c.messages import one_line


class Exit(IntEnum):
    """How a command ended; `meaning` explains it."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:  # noqa: D102
        member = int.__new__(cls, code)
        member._value_, member.meaning = code, meaning
        return member

    GOOD = 0, "everything was done"
    FAILED = 1, "a file could not be read, written or used, or files failed for several reasons"
    USAGE = 2, "the command line is wrong; nothing was done"
    DAMAGED = 3, "a file is damaged: truncated, altered, or a checksum does not fit"
    NO_MODEL = 4, "the model is missing, another one, or cannot be used"
    SALVAGED = 5, "decode --salvage wrote an image that lacks something"
    NOT_EXACT = 6, "a file is intact, but this machine computes other numbers than its encoder"
    INTERRUPTED = INTERRUPTED, "interrupted; no half-written file is left"
    BROKEN_PIPE = 141, "whoever read the output stopped reading"  # 128 + SIGPIPE


class UsageError(Exception):
    """Arguments that do not go together; the message names what to write instead."""


class InputError(ValueError):
    """An input that cannot be used, known before it is read."""


def exit_of(error: BaseException) -> Exit:
    """The exit code that an error means."""
    from coder.errors import CorruptStreamError
    from l3c.fileformat.errors import ModelMismatchError, NotExactError
    from l3c.models.zoo import ModelError

    for kinds, code in (
        (UsageError, Exit.USAGE),
        (NotExactError, Exit.NOT_EXACT),
        (CorruptStreamError, Exit.DAMAGED),
        ((ModelError, ModelMismatchError), Exit.NO_MODEL),
    ):
        if isinstance(error, kinds):
            return code
    return Exit.FAILED


def combined(codes: Iterable[Exit]) -> Exit:
    """The exit code of a command: that of its failures if they agree, else FAILED."""
    failures = set(codes) - {Exit.GOOD}
    if not failures:
        return Exit.GOOD
    return failures.pop() if len(failures) == 1 else Exit.FAILED


def error_line(error: BaseException, name: str = "") -> str:
    """The file in question and the reason, in one line.

    Args:
        error: of an output that cannot be written, it names the output.
        name: of the input.
    """
    return ": ".join(filter(None, _subject_and_reason(error, name)))


def error_fields(error: BaseException, name: str = "") -> dict[str, Any]:
    """The same for scripts; with `output` if the output is at fault."""
    _, message = _subject_and_reason(error, name)
    fields = {"message": message, "exit_code": int(exit_of(error)), "type": type(error).__name__}
    output = getattr(error, "output", None)
    return fields if output is None else fields | {"output": output}


def _subject_and_reason(error: BaseException, name: str) -> tuple[str, str]:
    subject = getattr(error, "output", None) or name or getattr(error, "filename", None) or ""
    reason = "not enough memory" if isinstance(error, MemoryError) else one_line(error)
    return str(subject), reason.removeprefix(f"{subject}: ")
