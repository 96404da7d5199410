"""Models behind the interface of a method, and methods in a process of their own."""

from __future__ import annotations

import statistics
import sys
import time
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial, partialmethod
from pathlib import Path
from typing import Any

import numpy as np

from baselines.base import DecodeError, Image, Method, check_image
from baselines.lossy.base import LossyMethod
from baselines.registry import get_method, method_key
from coder.errors import CoderError
from l3c.bench.measure.child import Child
from l3c.bench.measure.machine import peak_mib, versions
from l3c.coding import cross_entropy_bits, decode_picture, encode_picture
from l3c.images.picture import Picture
from l3c.models.tile_codec import Kind, TileCodec
from l3c.models.zoo import family_name, open_codec, read_model
from l3c.stopwatch import Stopwatch
from l3c.threads import limit_threads
from l3c.tile_coding import Choice

WHOLE = ("total", "")
"""Phase and scale of all seconds together."""


@dataclass(frozen=True)
class LearnedMethod(Method):
    """A model of any family behind the `Method` interface.

    It is loaded where it is first used, so that it can be handed to another process before.

    Attributes:
        key: in rows and file names.
        name: label of the table row.
        weights: of the model.
        arithmetic: None for integers where the model has them.
        device: "cpu" or "cuda".
        choice: what codes a tile.

    Raises:
        l3c.models.zoo.ModelError: from the first use, naming the file that cannot be used.
    """

    key: str
    name: str
    weights: Path
    arithmetic: Kind | None = None
    device: str = "cpu"
    choice: Choice = Choice.NETWORK
    suffix = ".l3c"

    @cached_property
    def codec(self) -> TileCodec:
        """Of the model."""
        return open_codec(self.weights, self.device, self.arithmetic)

    @property
    def settings(self) -> str:  # type: ignore[override]
        """Family, its settings that are not the default, arithmetic, and what codes a tile."""
        file = read_model(self.weights)
        settings = file.card["recipe"].get("model", {})
        parts = [family_name(file.family), *(f"{name}={value}" for name, value in settings.items())]
        parts.append(self.codec.arithmetic.text)
        parts += [] if self.choice == Choice.NETWORK else [f"network or fallback: {self.choice}"]
        return ", ".join(parts)

    def version(self) -> str:
        """PyTorch's version, if the model needs it, and its identity in the container."""
        identity = self.codec.identity.hex()  # loads what it needs
        used = f"torch {versions()['torch']}, " if "torch" in sys.modules else ""
        return f"{used}model {identity}"

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


def key_of(method: LearnedMethod | str) -> str:
    """The key in rows and file names of a model, or of an entry that `get_method` takes."""
    return method_key(method) if isinstance(method, str) else method.key


def served(method: Method | LossyMethod | str, *, phases: bool = False) -> Child:
    """The method in a process of its own, behind the calls of `ServedMethod`."""
    return Child(partial(ServedMethod, method, phases))


class ServedMethod:
    """A method in its own process: it answers with plain bytes, plain arrays and numbers.

    The parent keeps the image; the process gets a copy of it, or a file to decode. The first call
    of each kind, of a lossy method at each operating point, is made once more: a warm-up, in no
    time unless there are no repeats.

    Args:
        method: or its entry, see `get_method`.
        phases: whether seconds are also told by phase and scale (`l3c.stopwatch`), for which tiles
            are coded one after the other.
    """

    def __init__(self, method: Method | LossyMethod | str, phases: bool = False) -> None:
        self.method: Any = get_method(method) if isinstance(method, str) else method
        if isinstance(method, LearnedMethod):
            assert method.codec  # is loaded now, while other processes start
        self._device = getattr(method, "device", "cpu")
        self._phases = phases
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

    def use_threads(self, count: int) -> None:
        """The method computes with so many threads from now on, and warms up again."""
        limit_threads(count)
        self._warm.clear()

    def peak_mib(self) -> float:
        """See `machine.peak_mib`: of this process, its GPU, or the programs that it started."""
        return peak_mib(self._device, children=not self.method.in_process)

    def _run(
        self, what: str, given: Image | bytes | Path, repeats: int, *point: float
    ) -> tuple[Any, dict[Any, float]]:
        """Runs "encode" on an image, uint8 (H, W, 3), or "decode" on a file or its bytes.

        Returns:
            Bytes, or an array of no class of its own; seconds without reading, by phase and scale,
            each the median of the runs.

        Raises:
            TypeError, ValueError: the method made something else.
        """
        runs: list[dict[Any, float]] = []
        for _ in range(repeats + ((what, *point) not in self._warm)):
            own = given.read_bytes() if isinstance(given, Path) else copy(given)
            stopwatch = Stopwatch(self._device)
            start = time.perf_counter()
            with stopwatch if self._phases else nullcontext():
                made = getattr(self.method, what)(own, *point)
            stopwatch.synchronize()
            runs.append(stopwatch.seconds | {WHOLE: time.perf_counter() - start})
        self._warm.add((what, *point))
        plain: Any = bytes(memoryview(made)) if what == "encode" else np.array(made, order="C")
        if what == "encode" and not plain:
            raise ValueError("returned no bytes")
        if what == "decode" and plain.dtype.hasobject:
            raise TypeError(f"returned {type(made).__name__}, not an array of numbers")
        seconds = {n: statistics.median(run[n] for run in runs[-repeats:]) for n in runs[-1]}
        return plain, seconds

    encode = partialmethod(_run, "encode")
    decode = partialmethod(_run, "decode")

    def cross_entropy_bits(self, image: Image) -> float | None:
        """Cross-entropy of an image, uint8 (H, W, 3), in bits; None without a model."""
        bits = self.method.cross_entropy_bits(image)
        if bits is not None and not 0 < bits < float("inf"):
            raise ValueError(f"expected a positive number of bits, got {bits}")
        return None if bits is None else float(bits)
