"""What processes of this package have in common: threads, and errors in one line."""

from __future__ import annotations

import os


def one_line(error: BaseException) -> str:
    """The message in one line; the type goes first where the error is not one of this project's.

    Ours say what is wrong and what to do; others (a KeyError) need their type to be understood.
    """
    message = " ".join(str(error).split())
    ours = type(error).__module__.partition(".")[0] in ("l3c", "coder", "baselines")
    return message if ours and message else f"{type(error).__name__}: {message}"


def limit_threads(threads: int) -> None:
    """Tells numerical libraries how many threads to use; before the first of them is imported."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
