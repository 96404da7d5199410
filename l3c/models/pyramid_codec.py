"""RGB tile <-> streams with a trained network: the order of scales and channels, both directions.

The coarsest bottleneck comes first, under a uniform CDF; each prediction then allows the next finer
scale to be coded, down to the image. `l3c.coding` adds what a file has besides.

Encoder and decoder call the same predictor on the same symbols. With integers its answers
are the same on any machine and in any batch, so that small tiles of one size are predicted
together. In floating point they are the same on one machine, as long as shapes and memory layout
are, and the number of threads too: tiles are predicted one at a time. PyTorch was also seen to
round a convolution of tiny inputs (up to 11 positions) differently with two threads, and none of
larger ones, so that small scales are predicted by one thread (measured by
`benchmarks.cross_decoding`). Neither depends on what the calling program has set PyTorch to
(`l3c.torch_state`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from coder import cuda, range_coder
from coder.shape import MixtureShape
from coder.tables import FREQUENCY_BITS
from l3c.integer.network import IntegerNetwork, parameter_grids
from l3c.models.base import TorchTileCodec
from l3c.models.tile_codec import RGB, Arithmetic, Bits, Sample, TileCodec, UnsupportedError
from l3c.nn.mixture import (
    Mixture,
    negative_log_likelihood,
    sample,
    split,
    with_probability_floor,
)
from l3c.nn.pyramid import CodingStep, Outputs, PixelGroup
from l3c.stopwatch import timed
from l3c.threads import torch_threads
from l3c.torch_state import fixed_state

if TYPE_CHECKING:
    from l3c.models.pyramid import PyramidModel

SMALL = 2048  # positions that one thread predicts: little work, far above those seen
TOGETHER = 1 << 17  # pixels of the tiles that are predicted at once; more would only take memory


class PyramidCodec(TorchTileCodec["PyramidModel"]):
    """Encodes and decodes RGB tiles with one network.

    Args:
        model: with its weights.
        device: "cpu" or "cuda".
        integers: the decoder in integers, checked; without it the model predicts in float32.

    Attributes:
        memory_format: of activations and weights.

    Raises:
        l3c.torch_state.InexactError: with integers, on a machine that cannot run them exactly.
    """

    memory_format = torch.channels_last

    @fixed_state(inference=False)
    def __init__(
        self, model: PyramidModel, device: str = "cpu", integers: IntegerNetwork | None = None
    ) -> None:
        super().__init__(model, device)
        model.to(memory_format=self.memory_format)  # type: ignore[call-overload]
        self.parts, self.coarsest = model.parts, model.shapes[-1]
        self.stream_parts = (self.parts[-1], *(self.parts[step.s - 1] for step in model.steps))
        self._integers = integers
        if integers:
            self.arithmetic, self.identity = Arithmetic.INTEGER, integers.identity()
            integers.prepare(self.device, self.memory_format)

    def encode(self, tile: RGB) -> list[bytes]:
        """Streams of z^(S), and of every step in the order of decoding; see `TileCodec`."""
        return self._encode([tile])[0]

    def encode_batch(self, tiles: Sequence[RGB]) -> list[list[bytes]]:
        """See `TileCodec`."""
        parts = self._parts(len(tiles), *tiles[0].shape[:2]) if tiles else ()
        return [streams for part in parts for streams in self._encode(tiles[part])]

    def decode(self, streams: list[bytes], height: int, width: int) -> RGB:
        """See `TileCodec`."""
        return self._decode([streams], height, width)[0]

    def decode_batch(self, tiles: Sequence[list[bytes]], height: int, width: int) -> list[RGB]:
        """See `TileCodec`."""
        parts = self._parts(len(tiles), height, width)
        return [tile for part in parts for tile in self._decode(tiles[part], height, width)]

    def _parts(self, count: int, height: int, width: int) -> Iterator[slice]:
        """Which of `count` tiles are predicted at once: in floating point only one."""
        many = max(1, TOGETHER // (height * width)) if self._integers else 1
        return (slice(start, start + many) for start in range(0, count, many))

    def _encode(self, tiles: Sequence[RGB]) -> list[list[bytes]]:
        with timed("network"):
            # Extractors are in floating point: one tile at a time gives z that no batch changes.
            symbols = [torch.cat(s) for s in zip(*map(self.symbols, tiles), strict=True)]
        streams: list[list[bytes]] = [[] for _ in tiles]
        for tile, planes, params, shape in self._walk(symbols):
            rows, threads = _rows(planes), torch.get_num_threads()
            if not params:
                indices = rows.flatten().cpu().numpy()
                data = range_coder.encode(indices, *_uniform(shape, len(indices)), threads)
            elif self.device.type == "cuda":
                data = cuda.encode_mixture(rows, _rows(params), shape)
            else:
                data = range_coder.encode_mixture(rows.numpy(), parameters(params), shape, threads)
            streams[tile].append(data)
        return streams

    def _decode(self, tiles: Sequence[list[bytes]], height: int, width: int) -> list[RGB]:
        symbols = self.blank_symbols(height, width, len(tiles))
        left = [iter(streams) for streams in tiles]
        for tile, planes, params, shape in self._walk(symbols):
            data, threads = next(left[tile]), torch.get_num_threads()
            if not params:
                uniform = _uniform(shape, planes[0].numel())
                rows = torch.from_numpy(range_coder.decode(data, *uniform, threads))
            elif self.device.type == "cuda":
                rows = cuda.decode_mixture(data, _rows(params), shape)
            else:
                decoded = range_coder.decode_mixture(data, parameters(params), shape, threads)
                rows = torch.from_numpy(decoded)
            parts = rows.flatten().to(self.device).long().split([each.numel() for each in planes])
            for plane, part in zip(planes, parts, strict=True):
                channels, *sides = plane.shape
                plane.copy_(part.view(*sides, channels).permute(2, 0, 1))
        return [*_pixels(symbols[0])]

    def _walk(
        self, symbols: list[Tensor]
    ) -> Iterator[tuple[int, list[Tensor], list[Tensor], MixtureShape]]:
        """What each stream holds, those of all tiles in turn, in the order of decoding.

        Yields:
            The number of the tile; the planes (C, H, W), views of the symbols, that the stream
            holds one after the other; the parameters (P, H, W) of each, none of z^(S), whose
            symbols are equally likely; and the shape of their mixtures.
        """
        with timed("range_coder", self.parts[-1]):
            for tile, plane in enumerate(symbols[-1]):
                yield tile, [plane], [], self.coarsest
        for step, predicted in self.predictions(symbols):
            with timed("coder", self.parts[step.s - 1]):
                for tile in range(len(symbols[0])):
                    planes = [target.select(symbols[step.s - 1])[tile] for target, _ in predicted]
                    params = [each[tile] for _, each in predicted]
                    yield tile, planes, params, self.model.shapes[step.s - 1]

    def symbols(self, tile: RGB) -> list[Tensor]:
        """Symbols of x, z^(1), ..., z^(S): int64 (1, C, H, W), x without padding.

        The last row and column are repeated up to the sides that the network needs.
        """
        missing = [(0, -side % self.model.multiple) for side in tile.shape[:2]]
        padded = np.pad(tile, [*missing, (0, 0)], mode="edge")
        planes = [self.images(tile), *self.model.symbols(self.images(padded))[1:]]
        return [plane.long() for plane in planes]

    def blank_symbols(self, height: int, width: int, batch: int = 1) -> list[Tensor]:
        """Zeros of the same sizes, of `batch` images."""
        padded = [side + -side % self.model.multiple for side in (height, width)]
        planes = []
        for s, shape in enumerate(self.model.shapes):
            size = [-(-side >> s) for side in padded] if s else (height, width)
            plane = torch.zeros(batch, shape.channels, *size, dtype=torch.int64)
            planes.append(plane.to(self.device))
        return planes

    def predictions(
        self, symbols: list[Tensor]
    ) -> Iterator[tuple[CodingStep, list[tuple[PixelGroup, Tensor]]]]:
        """See `Decoder.predictions`; of symbols int64, which a decoder fills in on the way.

        Parameters are float32, or int32 on the coder's grids with integers: see `mixtures`.
        """
        known, decoder = self.model.known, self._integers or self.model
        for step, predicted in decoder.predictions(symbols, self.predict):
            if known is not None:
                known.select(symbols[step.s - 1]).copy_(symbols[step.s])
            yield step, predicted

    def predict(self, step: CodingStep, values: Tensor, features: Tensor | None) -> Outputs:
        """See `Decoder.predict`."""
        values = values.contiguous(memory_format=self.memory_format)
        with timed("network", self.parts[step.s - 1]):
            if self._integers:
                return self._integers.predict(step, values, features)
            with torch_threads(1 if values[:, 0].numel() <= SMALL else None):
                return self.model.predict(step, values, features)

    def mixtures(self, s: int, params: Tensor) -> Mixture:
        """Those of z^(s) in float32, of `predictions` (N, P, H, W)."""
        shape = self.model.shapes[s]
        if self._integers:
            bits = torch.from_numpy(parameter_grids(shape)[0]).to(self.device)
            params = params / torch.exp2(bits.float()).view(1, -1, 1, 1)
        return split(params, shape)

    def symbol_bits(self, tile: RGB) -> Mapping[str, Bits]:
        """See `TileCodec`; x without padding, z^(s) with it (`mixture.with_probability_floor`)."""
        symbols = self.symbols(tile)
        bits = [torch.zeros_like(plane[0], dtype=torch.float64) for plane in symbols]
        bits[-1].fill_(float(np.log2(self.coarsest.levels)))
        for step, predicted in self.predictions(symbols):
            s, levels = step.s - 1, self.model.shapes[step.s - 1].levels
            for target, params in predicted:
                pixels = target.select(symbols[s]).float()
                nats = negative_log_likelihood(pixels, self.mixtures(s, params), levels)
                floored = with_probability_floor(nats, levels)[0].permute(2, 0, 1)
                target.select(bits[s]).copy_(floored / float(np.log(2)))
        return {part: plane.cpu().numpy() for part, plane in zip(self.parts, bits, strict=True)}

    def channel_names(self, part: str, channels: int) -> list[str]:
        """See `TileCodec`; scales that are smaller images have colours too."""
        colours = self.model.shapes[self.parts.index(part)].coupled
        return [*"RGB"] if colours else super().channel_names(part, channels)

    def sample_parts(self, tile: RGB, seed: int = 0) -> list[Sample]:
        """The image itself, then x sampled given z^(1)..z^(S), x and z^(1) given z^(2)..z^(S), ...

        Args:
            tile: uint8 (H, W, 3).
            seed: of the random numbers; each sample has its own stream of them.
        """
        stored, parts = self.symbols(tile), self.parts
        bits = [part.sum() / tile.size for part in self.symbol_bits(tile).values()]
        samples = [Sample("truth", tile, sum(bits))]
        for finest in range(1, len(parts)):  # z^(finest) and above are stored
            generator = torch.Generator(self.device).manual_seed(seed + finest)
            symbols = [*self.blank_symbols(*tile.shape[:2])[:finest], *stored[finest:]]
            (image,) = self._drawn(symbols, finest, generator)
            samples.append(Sample("-".join(parts[:finest]), image, sum(bits[finest:])))
        return samples

    def sample_images(self, count: int, height: int, width: int, seed: int = 0) -> RGB:
        """z^(S) from its uniform prior, then every finer scale given it; see `TileCodec`.

        All images go through the network together.
        """
        generator = torch.Generator(self.device).manual_seed(seed)
        symbols = self.blank_symbols(height, width, count)
        symbols[-1].random_(0, self.coarsest.levels, generator=generator)
        return self._drawn(symbols, self.model.scales, generator)

    def _drawn(self, symbols: list[Tensor], finest: int, generator: torch.Generator) -> RGB:
        """Images whose scales below `finest`, filled in, are drawn from their mixtures."""
        for step, predicted in self.predictions(symbols):
            s = step.s - 1
            for target, params in predicted if s < finest else ():
                levels = self.model.shapes[s].levels
                pixels = sample(self.mixtures(s, params), levels, generator)
                target.select(symbols[s]).copy_(pixels)
        return _pixels(symbols[0])


def as_pyramid_codec(codec: TileCodec) -> PyramidCodec:
    """The codec itself, for what only families with a pyramid have.

    Raises:
        UnsupportedError: the codec of another family.
    """
    if not isinstance(codec, PyramidCodec):
        raise UnsupportedError(f"{type(codec).__name__} has no scales")
    return codec


def parameters(mixture_params: list[Tensor]) -> npt.NDArray[Any]:
    """Each (P, H, W) -> all (pixels, P); one tensor in channels-last is not copied."""
    return _rows(mixture_params).contiguous().numpy()


def _pixels(symbols: Tensor) -> RGB:
    return symbols.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)


def _rows(planes: list[Tensor]) -> Tensor:
    """Each (C, H, W) -> all (pixels, C), one after the other; a single one is not copied."""
    rows = [plane.permute(1, 2, 0).flatten(0, 1) for plane in planes]
    return rows[0] if len(rows) == 1 else torch.cat(rows)


def _uniform(shape: MixtureShape, count: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[Any]]:
    """The CDF of equally likely symbols as a table of one row, and the row of each symbol."""
    edges = np.arange(shape.levels + 1, dtype=np.uint64) << np.uint64(FREQUENCY_BITS)
    return (edges // np.uint64(shape.levels)).astype(np.uint32)[None], np.zeros(count, np.int64)
