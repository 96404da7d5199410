"""Parts of messages: an error in one line, lists and tables."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence

OURS = ("l3c", "coder", "baselines")
LISTED = 5
PACKAGES = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
"""Of modules that are not called as the package that installs them."""


class MissingExtraError(RuntimeError):
    """A package of an extra is not installed; the message names the extra."""


@contextlib.contextmanager
def naming_extra(extra: str) -> Iterator[None]:
    """Raises `MissingExtraError` for a module that is missing, and names the extra to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OURS:
            raise
        raise MissingExtraError(
            f"{error.name} is not installed: pip install 'l3c-bench[{extra}]'"
        ) from error


def one_line(error: BaseException) -> str:
    """The message without line breaks and, of a system error, without the path."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def is_ours(error: BaseException) -> bool:
    """Whether this project defines the error: its message says what is wrong and what to do."""
    return type(error).__module__.partition(".")[0] in OURS


def typed_line(error: BaseException) -> str:
    """The message in one line, after the type if the error is not ours (KeyError: ...)."""
    text = " ".join(str(error).split())
    return text if is_ours(error) and text else f"{type(error).__name__}: {text}"


def counted(number: float, what: str) -> str:
    """A number of things, "1 image" or "2 images"."""
    return f"{number:,.0f} {what}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], more: str = "", between: str = ", ", most: int = LISTED) -> str:
    """The first `most` names, and how many there are besides; `more` tells where they all are."""
    rest = len(names) - most
    return between.join(names[:most]) + (f" and {rest} more{more}" if rest > 0 else "")


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """The lines of a table: columns as wide as their longest cell, two spaces between them.

    Args:
        rows: of the same number of cells each.
        right: columns whose cells are aligned to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        padded = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(cells)]
        lines.append("  ".join(padded).rstrip())
    return lines
