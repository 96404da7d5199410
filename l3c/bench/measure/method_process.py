"""A method in a process of its own, out of reach of what it is measured against.

The parent keeps the image and the clock's readings; the process gets a copy of the image, or a file
to decode, and answers with plain bytes, plain arrays and numbers. Whatever the method does to its
input, to NumPy or to its standard streams stays there. They talk through pickles on pipes. The
process is no multiprocessing child, because that would import the parent's main module.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from baselines.base import Method
from l3c.bench.measure.methods import MethodSource
from l3c.messages import typed_line

_CODING = ("encode", "decode", "bits_theory")  # questions about an image


class MethodProcessError(ValueError):
    """The method raised an error, or its process ended by itself; the message says which."""


@dataclass(frozen=True)
class Description:
    """What a method says of itself, see `baselines.base.Method`.

    Attributes:
        name, suffix, settings, in_process: its attributes.
        version: "" if it is not available.
        unavailable: why it is not; "" if it is.
    """

    name: str
    suffix: str
    settings: str
    in_process: bool
    version: str
    unavailable: str


class MethodProcess:
    """Runs one method; use it as a context manager. It starts when it is first used.

    Attributes:
        is_warm: whether the running process has coded something. One that ended by itself is
            started anew by the next call.
    """

    def __init__(self, source: MethodSource) -> None:
        self._source = source
        self._process: subprocess.Popen[bytes] | None = None
        self.is_warm = False

    def describe(self) -> Description:
        """Loads the method.

        Raises:
            MethodProcessError: it cannot be loaded, or does not say what it is.
        """
        return Description(*self._ask("describe", None))

    def encode(self, image: npt.NDArray[np.uint8]) -> tuple[bytes, float]:
        """Encodes a copy of an image.

        Args:
            image: uint8 (H, W, 3).

        Returns:
            The bytes, at least one, and the seconds that encoding took.

        Raises:
            MethodProcessError: it failed.
        """
        data, seconds = self._ask("encode", image)
        self.is_warm = True
        return data, seconds

    def decode(self, stream: Path) -> tuple[npt.NDArray[Any], float]:
        """Reads a file and decodes it.

        Returns:
            An array of any shape, and the seconds that decoding took (reading left out).

        Raises:
            MethodProcessError: it failed.
        """
        image, seconds = self._ask("decode", stream)
        self.is_warm = True
        return image, seconds

    def bits_theory(self, image: npt.NDArray[np.uint8]) -> float | None:
        """Cross-entropy of an image, uint8 (H, W, 3), in bits; None without a model.

        Raises:
            MethodProcessError: it failed.
        """
        bits: float | None = self._ask("bits_theory", image)
        return bits

    def _ask(self, what: str, content: object) -> Any:
        if self._process is None:
            self._start()
        return self._answer(what, content)

    def _start(self) -> None:
        command = [sys.executable, "-m", __name__]
        pipe = subprocess.PIPE
        # A group of its own, so that Ctrl-C reaches the parent alone, which ends this process.
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, process_group=0)
        try:
            self._answer("load", self._source)
        except MethodProcessError:
            self._end()
            raise

    def _answer(self, what: str, content: object) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((what, content), self._process.stdin)
            self._process.stdin.flush()
            good, answer = pickle.load(self._process.stdout)
        except (BrokenPipeError, EOFError, pickle.UnpicklingError):
            good, answer = False, f"its process ended by itself (exit status {self._end()})"
        if not good:
            raise MethodProcessError(f"{what}: {answer}" if what in _CODING else answer)
        return answer

    def _end(self) -> int:
        process, self._process, self.is_warm = self._process, None, False
        if process is None:
            return 0
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()  # the loop in `serve` ends with its input
        process.stdout.close()
        return process.wait()

    def __enter__(self) -> MethodProcess:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None and self._process is not None:
            self._process.kill()
        self._end()


class _Server:
    """Does what the parent asks for; each function is a question."""

    method: Method

    def load(self, source: MethodSource) -> None:
        self.method = source.load()

    def describe(self, _: None) -> tuple[str, str, str, bool, str, str]:
        method = self.method
        unavailable = str(method.why_unavailable())
        version = "" if unavailable else str(method.version())
        named = (str(method.name), str(method.suffix), str(method.settings))
        return *named, bool(method.in_process), version, unavailable

    def encode(self, image: npt.NDArray[np.uint8]) -> tuple[bytes, float]:
        start = time.perf_counter()
        data = self.method.encode(image)
        seconds = time.perf_counter() - start
        return plain_bytes(data), seconds

    def decode(self, stream: Path) -> tuple[npt.NDArray[Any], float]:
        data = stream.read_bytes()
        start = time.perf_counter()
        image = self.method.decode(data)
        seconds = time.perf_counter() - start
        return plain_array(image), seconds

    def bits_theory(self, image: npt.NDArray[np.uint8]) -> float | None:
        bits = self.method.bits_theory(image)
        if bits is not None and not 0 < bits < float("inf"):
            raise ValueError(f"expected a positive number of bits, got {bits}")
        return None if bits is None else float(bits)


def plain_bytes(data: object) -> bytes:
    """What `encode` returned, as bytes that it cannot change any more.

    Raises:
        TypeError: it is not bytes, bytearray or memoryview.
        ValueError: it is empty.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"encode returned {type(data).__name__}, not bytes")
    if not len(data):
        raise ValueError("encode returned no bytes")
    return bytes(data)


def plain_array(image: object) -> npt.NDArray[Any]:
    """What `decode` returned, as an array that it cannot change any more, of no class of its own.

    Raises:
        TypeError: it is not an array of numbers.
    """
    if not isinstance(image, np.ndarray):
        raise TypeError(f"decode returned {type(image).__name__}, not an array")
    if image.dtype.hasobject:
        raise TypeError("decode returned an array of objects, not of numbers")
    return np.array(image, order="C", subok=False)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers requests until they end: pairs of the name of a function of _Server and its argument.

    An answer is True and the result, or False and a message.
    """
    server = _Server()
    while True:
        try:
            what, content = pickle.load(requests)
        except EOFError:
            return
        try:
            answer = (True, getattr(server, what)(content))
        except Exception as error:  # whatever a user's method raises is reported
            answer = (False, typed_line(error))
        pickle.dump(answer, answers)
        answers.flush()


def main() -> None:
    """Serves on stdin and stdout."""
    # What a method reads or prints must not get between the pickles: it finds an empty stdin, and
    # what it writes to stdout goes to stderr.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    serve(requests, answers)


if __name__ == "__main__":
    main()
