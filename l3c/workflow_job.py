"""What every script of the workflow does around its work: log, progress, errors.

    with job(snakemake):
        ...

stderr goes to the rule's log. On a terminal everything written there is shown as well, progress
bars included; of a bar the log gets a plain line now and then. An error is one readable line on the
original stderr, whether a terminal or not; its traceback is in the log.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from l3c.workflow_lock import watch_main

BAR_LINE_EVERY_S = 10.0


class TerminalAndLog(io.TextIOBase):
    """Writes to a terminal and to a log, where a bar that redraws itself becomes lines.

    Looks like the terminal to those who ask (isatty, fileno), so that progress bars are drawn.
    """

    def __init__(self, terminal: TextIO, log: TextIO) -> None:
        self._terminal = terminal
        self._log = log
        self._bar = ""
        self._bar_logged = time.monotonic()

    def write(self, text: str) -> int:
        """Writes text; a bar is text that starts with a carriage return."""
        self._terminal.write(text)
        if text.startswith("\r"):
            self._bar = text.strip() or self._bar  # blanks only wipe the line
            if time.monotonic() - self._bar_logged >= BAR_LINE_EVERY_S:
                self._log_bar()
        elif text.strip("\n") or not self._bar:
            self._log.write(text)
        else:
            self._log_bar()  # the line feed that closes a bar
        return len(text)

    def _log_bar(self) -> None:
        if self._bar:
            self._log.write(self._bar + "\n")
        self._bar = ""
        self._bar_logged = time.monotonic()

    def flush(self) -> None:
        """Flushes both."""
        self._terminal.flush()
        self._log.flush()

    def isatty(self) -> bool:
        """Always true; without a terminal this class is not used."""
        return True

    def fileno(self) -> int:
        """The terminal's, whose width a bar asks for."""
        return self._terminal.fileno()


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Surrounds the work of a script; exits with status 1 after an error.

    Args:
        snakemake: the object Snakemake puts into every script; log, rule and threads are used.
    """
    watch_main()
    limit_threads(snakemake.threads)
    path = Path(snakemake.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    text: Any = {"encoding": "utf-8", "errors": "backslashreplace", "buffering": 1}
    with path.open("w", **text) as log:
        original = os.fdopen(os.dup(2), "w", **text)
        os.dup2(log.fileno(), 2)  # also for libraries and child processes that write by themselves
        shown = TerminalAndLog(original, log) if original.isatty() else log
        sys.stderr = shown
        try:
            yield
        except Exception as error:
            log.write(traceback.format_exc())
            original.write(f"\nError in {snakemake.rule}: {one_line(error)}\n(details: {path})\n\n")
            original.flush()
            raise SystemExit(1) from None
        finally:
            sys.stderr = sys.__stderr__  # the log is closed from here on, file descriptor 2 is not


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
