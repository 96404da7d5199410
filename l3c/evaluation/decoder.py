"""Decoding in a fresh process, which gets the method and a file and never sees the original.

The parent talks to `python -m l3c.evaluation.decoder` through pickles on stdin and stdout. Not a
multiprocessing child, because that one would import the parent's main module.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from l3c.evaluation.methods import MethodSource


class DecodeFailedError(ValueError):
    """The fresh process could not decode a file, or ended by itself."""


class DecodeProcess:
    """A process that decodes files with one method; use it as a context manager."""

    def __init__(self, source: MethodSource) -> None:
        command = [sys.executable, "-m", "l3c.evaluation.decoder"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._send(source)
        self._receive()

    def decode(self, stream: Path) -> tuple[np.ndarray, float]:
        """Reads a file and decodes it.

        Returns:
            The image, uint8 (H, W, 3), and the seconds its decoding took (reading left out).

        Raises:
            DecodeFailedError: with the method's message.
        """
        self._send(stream)
        image, seconds = self._receive()
        return image, seconds

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise DecodeFailedError(self._end_message()) from None

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        try:
            ok, content = pickle.load(self._process.stdout)
        except EOFError:
            raise DecodeFailedError(self._end_message()) from None
        if not ok:
            raise DecodeFailedError(content)
        return content

    def _end_message(self) -> str:
        return f"the decoding process ended by itself (exit status {self._process.wait()})"

    def __enter__(self) -> DecodeProcess:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if error is not None:
            self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()  # the loop in `serve` ends with its input
        self._process.wait()
        self._process.stdout.close()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers requests until they end: first a MethodSource, then paths of files."""
    method = None
    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        try:
            if method is None:
                method = request.load()
                answer: tuple[bool, Any] = (True, None)
            else:
                data = request.read_bytes()
                start = time.perf_counter()
                image = method.decode(data)
                answer = (True, (image, time.perf_counter() - start))
        except Exception as error:  # whatever a user's method raises is reported, not printed
            answer = (False, f"{type(error).__name__}: {error}")
        pickle.dump(answer, answers)
        answers.flush()


def main() -> None:
    """Serves on stdin and stdout."""
    # Anything a library prints must not get between the pickles: stdout proper becomes stderr.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
