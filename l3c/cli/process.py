"""The process of a command: signals that end it, and its standard streams.

Ctrl-C, a closed terminal, termination: each ends a command and leaves nothing half-written. Output
is complete or an error.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr
from types import FrameType
from typing import Any

STDOUT = "standard output"
_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}
_ONE_S = 1.0

INTERRUPTED = 128 + signal.SIGINT  # the exit code, as a shell has it
_copied = False  # whether messages go to another descriptor than 2


@contextmanager
def interrupts(*, own_process: bool) -> Iterator[None]:
    """Inside, every signal that ends a command raises KeyboardInterrupt.

    A signal that the process ignores (nohup, a job in the background) stays ignored.

    Args:
        own_process: it ends with the command.
    """
    last = -_ONE_S

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal last
        # Several often come together. The second must not interrupt the cleaning up.
        before, last = last, time.monotonic()
        if last - before >= _ONE_S:
            raise KeyboardInterrupt(_WORDS[signal.Signals(number).name])

    former: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # only there signals arrive
        for name in _WORDS:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                former[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, signal.SIG_DFL if own_process else handler)


def open_streams() -> None:
    """Gives the process streams that behave alike however it was started.

    Python leaves stdout unbuffered under PYTHONUNBUFFERED, where a write may be cut short without a
    word. No character of a message is unprintable. Messages go to a copy of the descriptor, so that
    `silence_libraries` does not silence them.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: the next file would get its number, and be written to
            # The wrong way round, so that a use fails as on a closed one; messages just go.
            way = (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)[descriptor]
            os.set_inheritable(os.open(os.devnull, way), True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    global _copied
    _copied = True
    sys.stdout = _opened(1, sys.stdout, -1)
    sys.stderr = _opened(os.dup(2), sys.stderr, 1)


def _opened(descriptor: int, before: Any, buffering: int) -> Any:
    encoding = before.encoding if before is not None else "utf-8"
    how: Any = {"encoding": encoding, "errors": "backslashreplace", "closefd": False}
    return open(descriptor, "w", buffering, **how)


def drop_output() -> None:
    """Drops what is left for standard output, which failed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def silence_libraries() -> None:
    """Drops what libraries warn of, log and write to descriptor 2, if `open_streams` has run."""
    if _copied:
        warnings.simplefilter("ignore")
        import logging  # takes time

        logging.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def hushed(hush: bool) -> AbstractContextManager[object]:
    """Drops bars and messages of the code inside, if asked to."""
    return redirect_stderr(io.StringIO()) if hush else nullcontext()
