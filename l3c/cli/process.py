"""The process of a command: signals that end it, and its standard streams.

Ctrl-C, a closed terminal, termination: each ends a command and leaves nothing half-written. Output
is complete or an error, messages never raise.
"""

from __future__ import annotations

import io
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr
from types import FrameType, SimpleNamespace
from typing import Any

STDOUT = "standard output"
_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}
_ONE_S = 1.0

INTERRUPTED = 128 + signal.SIGINT  # the exit code, as a shell has it


@contextmanager
def interrupts(*, own_process: bool) -> Iterator[SimpleNamespace]:
    """Inside, every signal that ends a command raises KeyboardInterrupt.

    A signal that the process ignores (nohup, a job in the background) stays ignored.

    Args:
        own_process: it ends with the command.

    Yields:
        `at_once`: signals end the process instead, as long as there is nothing to clean up.
        Libraries that are interrupted while they are imported print tracebacks, or raise something
        else.
    """
    state = SimpleNamespace(at_once=own_process, last=-_ONE_S)

    def handle(number: int, frame: FrameType | None) -> None:
        word = _WORDS[signal.Signals(number).name]
        if state.at_once:
            print(f"l3c: {word}", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)
        # Several often come together. The second must not interrupt the cleaning up.
        before, state.last = state.last, time.monotonic()
        if state.last - before >= _ONE_S:
            raise KeyboardInterrupt(word)

    former: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # only there signals arrive
        for name in _WORDS:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                former[number] = signal.signal(number, handle)
    try:
        yield state
    finally:
        for number, handler in former.items():
            signal.signal(number, signal.SIG_DFL if own_process else handler)


class _Stream(io.FileIO):
    """Standard output or error; after a failure the rest is dropped, as at the end of the process.

    Standard output raises the failure, under its name; messages go on.
    """

    def write(self, data: Any, /) -> int:
        """Writes bytes and returns how many of them it took."""
        try:
            while (count := super().write(data)) is None:  # a full pipe that does not block
                select.select([], [self], [])
            return count
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if self.fileno() != 1:
                return len(data)
            if not isinstance(error, BrokenPipeError):
                error.filename = STDOUT
            raise


def open_streams() -> None:
    """Gives the process streams that behave alike however it was started.

    Python leaves stdout unbuffered under PYTHONUNBUFFERED, where a write may be cut short without a
    word, and makes a closed stream None. No character of a message is unprintable. Messages go to a
    copy of the descriptor, so that `silence_libraries` does not silence them.
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
    sys.stdout = _text(sys.stdout, 1)
    sys.stderr = _text(sys.stderr, os.dup(2), line_buffering=True)


def _text(before: Any, descriptor: int, *, line_buffering: bool = False) -> io.TextIOWrapper:
    stream = _Stream(descriptor, "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(stream),
        encoding=before.encoding if before is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=line_buffering or stream.isatty(),
    )


def silence_libraries() -> None:
    """Drops what libraries warn of, log and write to descriptor 2, if `open_streams` has run."""
    if isinstance(getattr(getattr(sys.stderr, "buffer", None), "raw", None), _Stream):
        warnings.simplefilter("ignore")
        import logging  # takes time

        logging.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def hushed(hush: bool) -> AbstractContextManager[object]:
    """Drops bars and messages of the code inside, if asked to."""
    return redirect_stderr(io.StringIO()) if hush else nullcontext()
