"""The one interface of everything that compresses: image -> bytes -> the same image."""

import re
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""uint8 (H, W, 3), RGB, H and W at least 1."""

_KEY = re.compile(r"[a-z0-9_]+")


class MethodError(Exception):
    """Something is wrong with a method or what it was given; str() tells of both."""

    text = "{method}: {reason}"

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(method, reason)  # both in args, so that the error survives pickling
        self.method = method
        self.reason = reason

    def __str__(self) -> str:
        return self.text.format(method=self.method, reason=self.reason)


class DecodeError(MethodError, ValueError):
    """Bytes that a method cannot turn into an image; nothing was decoded from them."""

    text = "{method}: cannot decode: {reason}"


class UnavailableError(MethodError, RuntimeError):
    """A method was used on a machine that lacks the library or program it needs."""

    text = "{method} is not available: {reason}"


class Compressor(ABC):
    """What lossless and lossy methods have in common.

    Attributes:
        name: label of the table row, e.g. "JPEG XL e7".
        key: identifier in configuration and file names, lower case `[a-z0-9_]+`.
        suffix: of the bitstream's file, with its dot, e.g. ".jxl".
    """

    name: str
    key: str
    suffix: str

    def available(self) -> bool:
        """Whether this machine can run the method; never raises."""
        return not self.why_unavailable()

    def why_unavailable(self) -> str:
        """One line on what is missing and how to get it; empty when available. Never raises."""
        return ""

    def require(self) -> None:
        """Raises UnavailableError if this machine cannot run the method."""
        if reason := self.why_unavailable():
            raise UnavailableError(self.name, reason)

    @abstractmethod
    def version(self) -> str:
        """Library or program and its version, e.g. "imagecodecs 2026.3.6, libjxl 0.11.2"."""


class Method(Compressor):
    """A lossless image compressor, learned or classical: one row of the table per image.

    A subclass names itself with the attributes and defines `encode`, `decode` and `version`.

    Attributes:
        settings: what the encoder was told, e.g. "effort=7, lossless".
        in_process: False where an external program does the work: timings include the way to it.
    """

    settings: str = ""
    in_process: bool = True

    @abstractmethod
    def encode(self, image: Image) -> bytes:
        """The whole bitstream of an image, from which `decode` needs nothing else.

        Args:
            image: uint8 (H, W, 3).

        Raises:
            TypeError, ValueError: if `image` is not that (see `check_image`).
        """

    @abstractmethod
    def decode(self, data: bytes) -> Image:
        """The image of a bitstream, uint8 (H, W, 3), C-contiguous.

        Raises:
            DecodeError: if `data` is not a whole, valid bitstream of this method.
        """

    def cross_entropy_bits(self, image: Image) -> float | None:
        """Cross-entropy of the image under the method's own model, in bits; None without one."""
        return None


def check_image(image: Any) -> None:
    """Refuse what is not an image at this border.

    Raises:
        TypeError: if it is no NumPy array, or not of dtype uint8.
        ValueError: if its shape is not (H, W, 3) with H and W at least 1.
    """
    if not isinstance(image, np.ndarray):
        raise TypeError(f"expected a uint8 array (H, W, 3), got {type(image).__name__}")
    if image.dtype != np.uint8:
        raise TypeError(f"expected a uint8 array (H, W, 3), got dtype {image.dtype}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected shape (H, W, 3) with H, W >= 1, got {image.shape}")


def check_method(method: Method) -> None:
    """Refuse a method whose naming attributes are missing or unusable in files and tables.

    Raises:
        ValueError: names the attribute, with got and expected.
    """
    where = type(method).__name__
    for attribute, expected in (
        ("name", "a label for the table"),
        ("key", "lower case letters, digits and _"),
        ("suffix", 'a file suffix with its dot, e.g. ".bin"'),
    ):
        value = getattr(method, attribute, None)
        good = isinstance(value, str) and bool(value.strip())
        if attribute == "key":
            good = good and bool(_KEY.fullmatch(str(value)))
        if attribute == "suffix":
            good = good and bool(re.fullmatch(r"\.[A-Za-z0-9]+", str(value)))
        if not good:
            raise ValueError(f"{where}.{attribute}: expected {expected}, got {value!r}")
