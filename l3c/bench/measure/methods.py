"""From an entry of the configuration to a method, in this process or in one of its own."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from baselines.base import DecodeError, Image, Method, check_image
from baselines.lossy.base import LossyMethod
from baselines.registry import get_method
from coder.errors import CoderError
from l3c.bench.measure.child import Child
from l3c.bench.measure.machine import versions
from l3c.coding import cross_entropy_bits, decode_picture, encode_picture
from l3c.images.picture import Picture
from l3c.models.tile_codec import Kind
from l3c.models.zoo import family_name, open_codec, read_model
from l3c.tile_coding import Choice


@dataclass(frozen=True)
class MethodSource:
    """How to make a method; unlike the method itself it can be handed to another process.

    Attributes:
        key: the method's key in rows and file names.
        entry: key of a classical codec, or path of a user's Python file.
        name: label of a learned method; "" for the others, which bring theirs.
        weights: of a learned method, None for the others.
        arithmetic: of a learned method; None for integers where the model has them.
        device: of a learned method, "cpu" or "cuda".
        choice: of a learned method, what codes a tile.
    """

    key: str
    entry: str
    name: str = ""
    weights: Path | None = None
    arithmetic: Kind | None = None
    device: str = "cpu"
    choice: Choice = Choice.NETWORK

    def load(self) -> Method:
        """Makes the method. Only some learned ones import PyTorch.

        Raises:
            ValueError: the key, the file or the weights are not usable; the message names them.
        """
        return get_method(self.entry) if self.weights is None else LearnedMethod(self)

    def process(self) -> Child:
        """The method in a process of its own, behind the calls of `ServedMethod`."""
        return Child(partial(ServedMethod, self))


class LearnedMethod(Method):
    """A model of any family behind the `Method` interface.

    Attributes:
        codec: of the model.

    Raises:
        l3c.models.zoo.ModelError: naming the file that cannot be used.
    """

    suffix = ".l3c"

    def __init__(self, source: MethodSource) -> None:
        assert source.weights is not None
        self.key, self.name, self.choice = source.key, source.name, source.choice
        self.codec = open_codec(source.weights, source.device, source.arithmetic)
        file = read_model(source.weights)
        settings = file.card["recipe"].get("model", {})
        parts = [family_name(file.family), *(f"{name}={value}" for name, value in settings.items())]
        parts.append(self.codec.arithmetic.text)
        parts += [] if self.choice == Choice.NETWORK else [f"network or fallback: {self.choice}"]
        self.settings = ", ".join(parts)

    def version(self) -> str:
        """PyTorch's version, if the model needs it, and its identity in the container."""
        used = f"torch {versions()['torch']}, " if "torch" in sys.modules else ""
        return f"{used}model {self.codec.identity.hex()}"

    def encode(self, image: Image) -> bytes:
        """See `Method`."""
        check_image(image)
        return encode_picture(Picture.from_array(image), self.codec, choice=self.choice)

    def decode(self, data: bytes) -> Image:
        """See `Method`."""
        try:
            decoded = decode_picture(data, lambda identity, arithmetic: self.codec)
        except CoderError as error:
            raise DecodeError(self.name, str(error)) from error
        return decoded.samples

    def cross_entropy_bits(self, image: Image) -> float | None:
        """See `Method`; None where the fallback, which has no model, may have coded a part."""
        check_image(image)
        if self.choice != Choice.NETWORK:
            return None
        return cross_entropy_bits(Picture.from_array(image), self.codec)


class ServedMethod:
    """A method in its own process: it answers with plain bytes, plain arrays and numbers.

    The parent keeps the image; the process gets a copy of it, or a file to decode. The first call
    of each kind, of a lossy method at each operating point, is made once more: a warm-up, in no
    time unless there are no repeats.
    """

    def __init__(self, source: MethodSource | LossyMethod) -> None:
        self.method: Any = source.load() if isinstance(source, MethodSource) else source
        self._warm: set[Any] = set()

    def describe(self) -> dict[str, Any]:
        """Attributes of the method; `version` is "" and `unavailable` says why where it is not."""
        method = self.method
        unavailable = str(method.why_unavailable())
        return {
            "method": str(method.name),
            "suffix": str(method.suffix),
            "settings": str(method.settings),
            "in_process": bool(method.in_process),
            "version": "" if unavailable else str(method.version()),
            "unavailable": unavailable,
        }

    def encode(self, image: Image, repeats: int, *point: float) -> tuple[bytes, float]:
        """The bytes of an image, uint8 (H, W, 3), and the median of the seconds that it took."""
        data, seconds = self._repeated("encode", image.copy, repeats, *point)
        return plain_bytes(data), seconds

    def decode(self, stream: Path, repeats: int) -> tuple[npt.NDArray[Any], float]:
        """The array that a file decodes to, and the median of the seconds without reading."""
        image, seconds = self._repeated("decode", stream.read_bytes, repeats)
        return plain_array(image), seconds

    def _repeated(self, what: str, read: Any, repeats: int, *point: float) -> tuple[Any, float]:
        seconds = []
        for _ in range(repeats + ((what, *point) not in self._warm)):
            given = read()
            start = time.perf_counter()
            made = getattr(self.method, what)(given, *point)
            seconds.append(time.perf_counter() - start)
        self._warm.add((what, *point))
        return made, statistics.median(seconds[-repeats:])

    def cross_entropy_bits(self, image: Image) -> float | None:
        """Cross-entropy of an image, uint8 (H, W, 3), in bits; None without a model."""
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
    if not isinstance(image, np.ndarray) or image.dtype.hasobject:
        kind = "array of objects" if isinstance(image, np.ndarray) else type(image).__name__
        raise TypeError(f"decode returned {kind}, not an array of numbers")
    return np.array(image, order="C", subok=False)
