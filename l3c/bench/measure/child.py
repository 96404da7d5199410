"""An object in a process of its own, whose methods the parent calls.

What a user's method does to its input, to NumPy or to its standard streams stays there. Parent and
child talk through pickles on pipes. It is no multiprocessing child, because that would import the
parent's main module.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, Self

from l3c.messages import typed_line


class ChildError(ValueError):
    """The object raised an error, or its process ended by itself; the message says which."""


class Child:
    """Runs one object; use it as a context manager.

    The process starts at once, and does not wait until the object is made; one that ended by itself
    is started anew by the next call.

    Args:
        make: makes the object there; it must pickle.
        environment: variables of the process, besides those of this one.
    """

    def __init__(
        self, make: Callable[[], object], environment: Mapping[str, str] | None = None
    ) -> None:
        self._make = make
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._made = False

    def __enter__(self) -> Self:
        # A group of its own, so that Ctrl-C reaches the parent alone, which ends this process.
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "process_group": 0}
        environment = os.environ | self._environment
        self._process = subprocess.Popen([sys.executable, "-m", __name__], **pipes, env=environment)
        self._made = False
        self._send(self._make)
        return self

    def call(self, method: str, *arguments: object) -> Any:
        """What a method of the object returns.

        Raises:
            ChildError: an error there, with its message in one line.
        """
        if self._process is None:
            self.__enter__()
        if not self._made:
            try:
                self._answer()
            except ChildError:
                self.end()
                raise
            self._made = True
        self._send((method, arguments))
        try:
            return self._answer()
        except ChildError as error:
            raise ChildError(f"{method}: {error}") from None

    def _send(self, question: object) -> None:
        process: Any = self._process
        with contextlib.suppress(BrokenPipeError):  # there will be no answer, which says why
            pickle.dump(question, process.stdin)
            process.stdin.flush()

    def _answer(self) -> Any:
        process: Any = self._process
        try:
            good, answer = pickle.load(process.stdout)
        except (EOFError, pickle.UnpicklingError):
            good, answer = False, f"its process ended by itself (exit status {self.end()})"
        if not good:
            raise ChildError(answer)
        return answer

    def end(self, kill: bool = False) -> int:
        """Ends the process, if there is one; returns its exit status."""
        process: Any = self._process
        if process is None:
            return 0
        self._process = None
        if kill:
            process.kill()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()  # the loop in `serve` ends with its input
        process.stdout.close()
        return int(process.wait())

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self.end(kill=error is not None)


def serve() -> None:
    """Makes an object and answers calls on stdin and stdout until they end."""
    # What the object reads or prints must not get between the pickles: it finds an empty stdin, and
    # what it writes to stdout goes to stderr.
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    served: Any = None
    while True:
        try:
            question = pickle.load(questions)
        except EOFError:
            return
        try:
            if served is None:
                served, answer = question(), None
            else:
                method, arguments = question
                answer = getattr(served, method)(*arguments)
            made = pickle.dumps((True, answer))
        except Exception as error:  # whatever a user's method raises is reported
            made = pickle.dumps((False, typed_line(error)))
        answers.write(made)
        answers.flush()


if __name__ == "__main__":
    serve()
