"""An object in a process of its own, whose methods the parent calls.

What a user's method does to its input, to NumPy or to its standard streams stays there. It is no
multiprocessing child, because that would import the parent's main module.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
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

    def __enter__(self) -> Self:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=2,  # what the object prints goes to stderr
            process_group=0,  # so that Ctrl-C reaches the parent alone, which ends it
            pass_fds=[theirs.fileno()],
            env=os.environ | self._environment,
        )
        theirs.close()
        self._send(self._make)
        return self

    def call(self, method: str, *arguments: object) -> Any:
        """What a method of the object returns.

        Raises:
            ChildError: an error there, with its message in one line.
        """
        if self._process is None:
            self.__enter__()
        self._send((method, arguments))
        try:
            good, answer = self._pipe.recv()
        except (EOFError, OSError):
            status = self.end()
            good, answer = False, f"{method}: its process ended by itself (exit status {status})"
        if not good:
            raise ChildError(answer)
        return answer

    def _send(self, question: object) -> None:
        with contextlib.suppress(ConnectionError):  # there will be no answer, which says why
            self._pipe.send(question)

    def end(self, kill: bool = False) -> int:
        """Ends the process, if there is one; returns its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if kill:
            process.kill()
        self._pipe.close()  # `serve` ends with it
        return process.wait()

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self.end(kill=error is not None)


def serve(pipe: Connection) -> None:
    """Makes an object and answers calls of its methods until they end."""
    served, problem = None, ""
    try:
        served = pipe.recv()()
    except Exception as error:  # whatever a user's file raises is the answer to every call
        problem = typed_line(error)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            method, arguments = pipe.recv()
            try:
                good = not problem
                pipe.send((good, getattr(served, method)(*arguments) if good else problem))
            except Exception as error:
                pipe.send((False, f"{method}: {typed_line(error)}"))


if __name__ == "__main__":
    os.set_inheritable(int(sys.argv[1]), False)  # programs that the object starts do not hold it
    serve(Connection(int(sys.argv[1])))
