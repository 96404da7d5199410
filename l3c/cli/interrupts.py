"""Ctrl-C, a closed terminal, termination: each ends a command and leaves nothing half-written."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

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
