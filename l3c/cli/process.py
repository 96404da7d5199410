"""The process of a command: signals that end it, and its standard streams.

Ctrl-C, a closed terminal, termination: each ends a command and leaves nothing half-written. Output
is complete or an error, messages never raise.
"""

from __future__ import annotations

import io
import logging
import os
import select
import signal
import sys
import threading
import time
import warnings
from contextlib import AbstractContextManager, nullcontext, redirect_stderr
from types import FrameType
from typing import Any

STDOUT = "standard output"
_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}
_ONE_S = 1.0

INTERRUPTED = 128 + signal.SIGINT  # the exit code, as a shell has it


class Interrupts:
    """Raises KeyboardInterrupt for every signal that ends a command; use as a context manager.

    A signal that the process ignores (nohup, a job in the background) stays ignored.

    Args:
        own_process: it ends with the command.

    Attributes:
        at_once: end the process instead, as long as there is nothing to clean up. Libraries that
            are interrupted while they are imported print tracebacks, or raise something else.
    """

    def __init__(self, *, own_process: bool) -> None:
        self.at_once = self._own_process = own_process
        self._before: dict[int, Any] = {}
        self._last = -_ONE_S

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():  # only there signals arrive
            for name in _WORDS:
                number = getattr(signal, name, None)  # Windows has no SIGHUP
                if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if self._own_process else handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        word = _WORDS[signal.Signals(number).name]
        if self.at_once:
            print(f"l3c: {word}", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)
        # Several often come together. The second must not interrupt the cleaning up.
        now = time.monotonic()
        if now - self._last >= _ONE_S:
            self._last = now
            raise KeyboardInterrupt(word)


class Sink(io.FileIO):
    """A file descriptor to write to that takes all it is given, so that the work goes on.

    After the first failure the rest is dropped. A reader that stopped is an exception: of standard
    output, `BrokenPipeError` is raised.

    Args:
        descriptor: stays open.
        ignore: failures, as of messages.
    """

    def __init__(self, descriptor: int, *, ignore: bool = False) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._ignore = ignore
        self._failed = False
        self._problem: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Writes bytes and returns how many of them it took."""
        if self._failed:
            return len(data)
        try:
            while (count := super().write(data)) is None:  # a full pipe that does not block
                select.select([], [self], [])
            return count
        except OSError as error:
            self._failed = True
            if isinstance(error, BrokenPipeError) and not self._ignore:
                raise
            self._problem = error
            return len(data)

    def check(self) -> None:
        """Raises the failure since the last check, if there was one."""
        problem, self._problem = self._problem, None
        if problem is not None:
            raise OSError(problem.errno, problem.strerror, STDOUT) from problem


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
    if sys.stdout is not None:
        sys.stdout.flush()
    sys.stdout = _text(sys.stdout, Sink(1))
    sys.stderr = _text(sys.stderr, Sink(os.dup(2), ignore=True), line_buffering=True)


def _text(before: Any, sink: Sink, *, line_buffering: bool = False) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(sink),
        encoding=before.encoding if before is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=line_buffering or sink.isatty(),
    )


def silence_libraries() -> None:
    """Drops what libraries warn of, log and write to descriptor 2, if `open_streams` has run."""
    if isinstance(_sink(sys.stderr), Sink):
        warnings.simplefilter("ignore")
        logging.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def hushed(hush: bool) -> AbstractContextManager[object]:
    """Drops bars and messages of the code inside, if asked to."""
    return redirect_stderr(io.StringIO()) if hush else nullcontext()


def flush_stdout() -> None:
    """Returns once all that was printed has been handed to the system.

    Raises:
        OSError: some of it could not be written; reported once. Its file name is STDOUT.
    """
    sys.stdout.flush()
    sink = _sink(sys.stdout)
    if isinstance(sink, Sink):
        sink.check()


def _sink(stream: Any) -> Any:
    return getattr(getattr(stream, "buffer", None), "raw", None)
