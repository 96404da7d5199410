"""A method in a process of its own, out of reach of what it is measured against.

The parent keeps the image and the clock's readings; the process gets a copy of the image, or a file
to decode, and answers with plain bytes, plain arrays and numbers.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from l3c.bench.measure.child import Child, ChildError
from l3c.bench.measure.methods import MethodSource

MethodProcessError = ChildError


class Description(NamedTuple):
    """What a method says of itself, see `baselines.base.Method`.

    Attributes:
        name, suffix, settings, in_process: its attributes.
        version: "" if it is not available.
        unavailable: why it is not; "" if it is.
    """

    name: str
    suffix: str = ""
    settings: str = ""
    in_process: bool = True
    version: str = ""
    unavailable: str = ""


class MethodProcess:
    """Runs one method; use it as a context manager. All calls raise MethodProcessError.

    Attributes:
        is_warm: whether the running process has coded something.
    """

    def __init__(self, source: MethodSource) -> None:
        self._child = Child(partial(_Method, source))
        self.is_warm = False

    def describe(self) -> Description:
        """Loads the method."""
        return Description(*self._child.call("describe"))

    def encode(self, image: npt.NDArray[np.uint8]) -> tuple[bytes, float]:
        """The bytes of a copy of an image, uint8 (H, W, 3), and the seconds that encoding took."""
        data, seconds = self._code("encode", image)
        return data, seconds

    def decode(self, stream: Path) -> tuple[npt.NDArray[Any], float]:
        """The array that a file decodes to, and the seconds that decoding took without reading."""
        image, seconds = self._code("decode", stream)
        return image, seconds

    def cross_entropy_bits(self, image: npt.NDArray[np.uint8]) -> float | None:
        """Cross-entropy of an image, uint8 (H, W, 3), in bits; None without a model."""
        bits: float | None = self._code("cross_entropy_bits", image)
        return bits

    def _code(self, what: str, content: object) -> Any:
        try:
            answer = self._child.call(what, content)
        except ChildError as error:
            self.is_warm = self.is_warm and self._child.is_running
            raise ChildError(f"{what}: {error}") from None
        self.is_warm = True
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._child.__exit__(*error)


class _Method:
    """The method there."""

    def __init__(self, source: MethodSource) -> None:
        self.method = source.load()

    def describe(self) -> tuple[str, str, str, bool, str, str]:
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

    def cross_entropy_bits(self, image: npt.NDArray[np.uint8]) -> float | None:
        bits = self.method.cross_entropy_bits(image)
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
