"""The interface between a model and the file format: RGB tile <-> streams of bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
import numpy.typing as npt

from l3c.threads import in_threads

Kind = Literal["integer", "float"]
"""Where a caller gives None instead: "integer" with a model that has integers, else "float"."""
KINDS: tuple[Kind, ...] = ("integer", "float")


class Arithmetic(IntEnum):
    """Of the network's decoder path.

    Integers are the same everywhere. Floating point is not: such a file is decoded on the kind of
    device that wrote it where there is one.
    """

    NONE = 0
    FLOAT_CPU = 1
    FLOAT_CUDA = 2
    INTEGER = 3
    CAUSAL = 4

    @property
    def text(self) -> str:
        """For people."""
        texts = ("no network", "float32 on cpu", "float32 on cuda", "integer", "integer, causal")
        return texts[self]

    @property
    def kind(self) -> Kind:
        """The setting of an encoder that gives it."""
        return "integer" if self in (Arithmetic.INTEGER, Arithmetic.CAUSAL) else "float"


RGB = npt.NDArray[np.uint8]
"""uint8 (H, W, 3), H and W at least 1."""
Bits = npt.NDArray[np.float64]


class UnsupportedError(RuntimeError):
    """The family of this model does not offer it."""


@dataclass(frozen=True)
class Sample:
    """An image of which some parts were stored and the rest sampled.

    Attributes:
        name: the sampled parts: "truth" for none, then "x", "x-z1", "x-z1-z2", ...
        image: uint8 (H, W, 3).
        bpsp: cross-entropy of the stored parts, in bits per sub-pixel of the image.
    """

    name: str
    image: RGB
    bpsp: float


class TileCodec(ABC):
    """Encodes and decodes RGB tiles with one model.

    Attributes:
        arithmetic: of the predictions.
        identity: 8 bytes that name all that decoding depends on.
        stream_parts: the part that each stream of a tile belongs to, the same for every tile.
        threads: how many tiles may be coded at once, each in a thread.
        quick: whether it takes less time than the fallback, which encoders then try only where it
            can be smaller.
        lossy: whether decoding gives a reconstruction instead of the tile.
    """

    arithmetic: Arithmetic
    identity: bytes
    stream_parts: tuple[str, ...] = ("x",)
    threads: int = 1
    quick: bool = False
    lossy: bool = False

    @property
    def streams(self) -> int:
        """Number of streams of a tile."""
        return len(self.stream_parts)

    @abstractmethod
    def encode(self, tile: RGB) -> list[bytes]:
        """Streams of a tile.

        Args:
            tile: uint8 (H, W, 3), any size from 1x1.
        """

    @abstractmethod
    def decode(self, streams: list[bytes], height: int, width: int) -> RGB:
        """Inverse of `encode`: uint8 (height, width, 3).

        Raises:
            CorruptStreamError: streams that cannot be of this size. Other altered bytes give other
                pixels: the caller compares a checksum.
        """

    def encode_batch(self, tiles: Sequence[RGB]) -> list[list[bytes]]:
        """Streams of each tile, the same bytes as `encode` gives; all tiles are of one size."""
        return [*in_threads(self.encode, tiles, self.threads)]

    def decode_batch(self, tiles: Sequence[list[bytes]], height: int, width: int) -> list[RGB]:
        """Each tile from its streams, as `decode` gives it; all tiles are of one size."""

        def decode(streams: list[bytes]) -> RGB:
            return self.decode(streams, height, width)

        return [*in_threads(decode, tiles, self.threads)]

    def channel_names(self, part: str, channels: int) -> list[str]:
        """Names of the channels of a part, as `symbol_bits` gives them: colours, or numbers."""
        return [*"RGB"] if part == "x" else [str(c + 1) for c in range(channels)]

    def symbol_bits(self, tile: RGB) -> Mapping[str, Bits]:
        """Cross-entropy of each symbol, in bits: part -> float64 (C, H, W).

        Raises:
            UnsupportedError: the family does not offer it.
        """
        raise UnsupportedError("the family of this model offers no bits of symbols")

    def cross_entropy_bits(self, tile: RGB) -> float:
        """Size of a tile in bits with an ideal coder."""
        return float(sum(bits.sum() for bits in self.symbol_bits(tile).values()))

    def sample_images(self, count: int, height: int, width: int, seed: int = 0) -> RGB:
        """Images drawn from the model: uint8 (count, height, width, 3).

        Raises:
            UnsupportedError: the family cannot be sampled.
        """
        raise UnsupportedError("the family of this model offers no samples")

    def sample_parts(self, tile: RGB, seed: int = 0) -> list[Sample]:
        """The tile itself, then with ever more parts sampled given the others.

        Raises:
            UnsupportedError: the family cannot be sampled.
        """
        raise UnsupportedError("the family of this model offers no samples")


class LossyCodec(TileCodec):
    """Codes symbols, from which it reconstructs an image that is not the one it was given.

    `encode` and `decode` are those of a tile codec; lossy files hold the checksum of the symbols,
    which decode exactly.
    """

    lossy = True

    @abstractmethod
    def symbols(self, image: RGB) -> npt.NDArray[np.uint8]:
        """All that a file of the image says: any shape."""

    @abstractmethod
    def encode_symbols(self, symbols: npt.NDArray[np.uint8]) -> list[bytes]:
        """Streams of the symbols."""

    @abstractmethod
    def decode_symbols(
        self, streams: list[bytes], height: int, width: int
    ) -> npt.NDArray[np.uint8]:
        """Inverse of `encode_symbols`, for an image of this size.

        Raises:
            CorruptStreamError: streams that cannot be of this size.
        """

    @abstractmethod
    def reconstruct(self, symbols: npt.NDArray[np.uint8], height: int, width: int) -> RGB:
        """The image of symbols: uint8 (height, width, 3). Devices may differ in single levels."""

    def importance(self, image: RGB) -> npt.NDArray[np.float32]:
        """How many channels of symbols matter at each position, (H, W) of the symbols.

        Raises:
            UnsupportedError: the family tells nothing of the kind.
        """
        raise UnsupportedError("the family of this model has no importance map")

    def encode(self, tile: RGB) -> list[bytes]:
        """See `TileCodec`."""
        return self.encode_symbols(self.symbols(tile))

    def decode(self, streams: list[bytes], height: int, width: int) -> RGB:
        """The reconstruction."""
        return self.reconstruct(self.decode_symbols(streams, height, width), height, width)
