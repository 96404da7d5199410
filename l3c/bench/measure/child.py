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
from pathlib import Path
from typing import Any, Self

from l3c.messages import typed_line

_ROOT = Path(__file__).resolve().parents[3]


class ChildError(ValueError):
    """The object raised an error, or its process ended by itself; the message says which."""


class Child:
    """Runs one object; use it as a context manager. The process starts when it is first called.

    Args:
        make: makes the object there; it must pickle.
        python: interpreter.
        environment: variables of the process, besides those of this one.
    """

    def __init__(
        self,
        make: Callable[[], object],
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._make = make
        self._command = [python, "-m", __name__]
        self._environment = {"PYTHONPATH": str(_ROOT), **environment} if environment else {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the object is there; one that ended by itself is made anew by the next call."""
        return self._process is not None

    def call(self, method: str, *arguments: object) -> Any:
        """What a method of the object returns.

        Raises:
            ChildError: an error there, with its message in one line.
        """
        if self._process is None:
            environment = os.environ | self._environment
            # A group of its own, so that Ctrl-C reaches the parent alone, which ends this process.
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(
                self._command, stdin=pipe, stdout=pipe, process_group=0, env=environment
            )
            try:
                self._ask(self._make)
            except ChildError:
                self.end()
                raise
        return self._ask((method, arguments))

    def _ask(self, question: object) -> Any:
        assert self._process is not None
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        try:
            pickle.dump(question, questions)
            questions.flush()
            good, answer = pickle.load(answers)
        except (BrokenPipeError, EOFError, pickle.UnpicklingError):
            good, answer = False, f"its process ended by itself (exit status {self.end()})"
        if not good:
            raise ChildError(answer)
        return answer

    def end(self, kill: bool = False) -> int:
        """Ends the process, if there is one; returns its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        assert process.stdin is not None
        assert process.stdout is not None
        if kill:
            process.kill()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()  # the loop in `serve` ends with its input
        process.stdout.close()
        return process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self.end(kill=error is not None)


def serve() -> None:
    """Makes an object and answers calls on stdin and stdout until they end."""
    # What the object reads or prints must not get between the pickles: it finds an empty stdin, and
    # what it writes to stdout goes to stderr.
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
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
