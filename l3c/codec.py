"""RGB tile <-> streams with a trained network: the order of scales and channels, both directions.

The coarsest bottleneck comes first, under a uniform CDF; each prediction then allows the next finer
scale to be coded, down to the image. What a file is made of besides, see `l3c.coding`.

Encoder and decoder call the same predictor on the same symbols. With an integer path its answers
are the same on any machine and in any batch, so that small tiles of one size are predicted
together. In floating point they are the same on one machine, as long as shapes and memory layout
are, and the number of threads too: tiles are predicted one at a time. PyTorch was also seen to
round a convolution of tiny inputs (up to 11 positions) differently with two threads, and none of
larger ones, so that small scales are predicted by one thread; `l3c.evaluation.exactness` measures
what that is worth. Neither depends on what the calling program has set PyTorch to
(`l3c.torch_state`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from coder import cuda, range_coder
from coder.shape import MixtureShape
from coder.tables import FREQUENCY_BITS
from l3c.arithmetic import Arithmetic, floating
from l3c.integer.grids import parameter_grids
from l3c.integer.path import IntegerPath
from l3c.model.identity import model_identity
from l3c.model.mixture import coded, negative_log_likelihood
from l3c.model.network import Network
from l3c.model.stages import Lattice, Stage, scale_name
from l3c.stopwatch import Stopwatch, timed
from l3c.threads import torch_threads
from l3c.torch_state import fixed_state

RGB = npt.NDArray[np.uint8]

SMALL = 2048  # positions that one thread predicts: little work, far above those seen
TOGETHER = 1 << 17  # pixels of the tiles that are predicted at once; more would only take memory


class Codec:
    """Encodes and decodes RGB tiles with one trained network.

    Args:
        network: with its weights, of any kind.
        device: "cpu" or "cuda".
        path: of the network in integers, checked; without one the network predicts in float32.
        memory_format: of activations and weights.

    Attributes:
        arithmetic: of the predictions.
        identity: of what they depend on: the float network, or the integer path.

    Raises:
        l3c.integer.exact.InexactError: with a path, on a machine that cannot run it exactly.
    """

    @fixed_state(inference=False)
    def __init__(
        self,
        network: Network,
        device: str = "cpu",
        path: IntegerPath | None = None,
        memory_format: torch.memory_format = torch.channels_last,
    ) -> None:
        self.arithmetic = Arithmetic.INTEGER if path else floating(device)
        self.identity = path.identity() if path else model_identity(network)
        self.device = torch.device(device)
        self.network = network.eval().requires_grad_(False).to(self.device)
        self.network.to(memory_format=memory_format)  # type: ignore[call-overload]
        self._memory_format = memory_format
        self._path = path.prepare(self.device, memory_format) if path else None

    @property
    def streams(self) -> int:
        """Number of streams of a tile: z^(S), and one for each stage."""
        return len(self.network.stages) + 1

    def encode(self, tile: RGB, stopwatch: Stopwatch | None = None) -> list[bytes]:
        """Streams of z^(S), and of every stage in the order of decoding.

        Args:
            tile: uint8 (H, W, 3), any size from 1x1.
            stopwatch: is told where the time goes.
        """
        return self._encode([tile], stopwatch)[0]

    def encode_batch(self, tiles: Sequence[RGB]) -> list[list[bytes]]:
        """Streams of each tile, the same bytes as `encode` gives; all tiles are of one size."""
        if not tiles:
            return []
        parts = self._parts(len(tiles), *tiles[0].shape[:2])
        return [streams for part in parts for streams in self._encode(tiles[part])]

    def decode(
        self, streams: list[bytes], height: int, width: int, stopwatch: Stopwatch | None = None
    ) -> RGB:
        """Inverse of `encode`: uint8 (height, width, 3).

        Raises:
            CorruptStreamError: streams that cannot be of this size. Other altered bytes give other
                pixels: whoever calls compares a checksum.
        """
        return self._decode([streams], height, width, stopwatch)[0]

    def decode_batch(self, tiles: Sequence[list[bytes]], height: int, width: int) -> list[RGB]:
        """Each tile from its streams, as `decode` gives it; all tiles are of one size."""
        parts = self._parts(len(tiles), height, width)
        return [tile for part in parts for tile in self._decode(tiles[part], height, width)]

    def _parts(self, count: int, height: int, width: int) -> Iterator[slice]:
        """Which of `count` tiles are predicted at once: in floating point only one."""
        many = max(1, TOGETHER // (height * width)) if self._path else 1
        return (slice(start, start + many) for start in range(0, count, many))

    @fixed_state()
    def _encode(
        self, tiles: Sequence[RGB], stopwatch: Stopwatch | None = None
    ) -> list[list[bytes]]:
        network = self.network
        with timed(stopwatch, "network"):
            # Extractors are in floating point: one tile at a time gives z that no batch changes.
            of_tiles = [self.planes(tile) for tile in tiles]
            planes = [torch.cat(scale) for scale in zip(*of_tiles, strict=True)]
        with timed(stopwatch, "range_coder", scale_name(network.scales)):
            top = network.shape(network.scales)
            coarsest = planes[-1].cpu()
            streams = [[_encode_uniform(_rows(plane).numpy(), top)] for plane in coarsest]
        for stage, predicted in self.predictions(planes, stopwatch):
            s = stage.s - 1
            with timed(stopwatch, "coder", scale_name(s)):
                symbols = [target.of(planes[s]) for target, _ in predicted]
                for number, of_tile in enumerate(streams):
                    rows = [each[number] for each in symbols]
                    raws = [raw[number] for _, raw in predicted]
                    of_tile.append(self._encode_mixture(rows, raws, network.shape(s)))
        return streams

    @fixed_state()
    def _decode(
        self,
        tiles: Sequence[list[bytes]],
        height: int,
        width: int,
        stopwatch: Stopwatch | None = None,
    ) -> list[RGB]:
        network = self.network
        planes = self.blank_planes(height, width, len(tiles))
        with timed(stopwatch, "range_coder", scale_name(network.scales)):
            top = network.shape(network.scales)
            for streams, plane in zip(tiles, planes[-1], strict=True):
                coarsest = _decode_uniform(streams[0], plane[0].numel(), top)
                plane.copy_(_plane(coarsest, plane))
        for number, (stage, predicted) in enumerate(self.predictions(planes, stopwatch), 1):
            s = stage.s - 1
            with timed(stopwatch, "coder", scale_name(s)):
                for tile, streams in enumerate(tiles):
                    raws = [raw[tile] for _, raw in predicted]
                    symbols = self._decode_mixture(streams[number], raws, network.shape(s))
                    for target, _ in predicted:
                        pixels = target.of(planes[s])[tile]
                        count = pixels[0].numel()
                        pixels.copy_(_plane(symbols[:count], pixels))
                        symbols = symbols[count:]
        return [*planes[0].permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)]

    def bits_theory(self, tile: RGB) -> float:
        """Cross-entropy of a tile in bits: an ideal coder's size, see `mixture.coded`."""
        return sum(self.bits_by_scale(tile))

    def bits_by_scale(self, tile: RGB) -> list[float]:
        """Cross-entropy of x, z^(1), ..., z^(S), in bits; padding of the image does not count."""
        return [float(plane.sum()) for plane in self.symbol_bits(tile)]

    @fixed_state()
    def symbol_bits(self, tile: RGB) -> list[Tensor]:
        """Cross-entropy of each symbol of x, z^(1), ..., z^(S), in bits.

        Returns:
            float64 (C, H, W) for each scale, as large as its plane: x without padding, z^(s) with.
        """
        network = self.network
        planes = self.planes(tile)
        bits = [torch.zeros_like(plane[0], dtype=torch.float64) for plane in planes]
        for stage, predicted in self.predictions(planes):
            s = stage.s - 1
            levels = network.shape(s).levels
            for target, raw in predicted:
                mixture = network.split(s, self.reals(s, raw))
                pixels = target.of(planes[s]).float()
                nats = negative_log_likelihood(pixels, mixture, levels)
                coded_bits = coded(nats, levels)[0].permute(2, 0, 1) / float(np.log(2))
                target.of(bits[s]).copy_(coded_bits)
        bits[-1].fill_(float(np.log2(network.shape(network.scales).levels)))
        return bits

    def planes(self, tile: RGB) -> list[Tensor]:
        """Symbols of x, z^(1), ..., z^(S): int64 (1, C, H, W), x without padding."""
        image = torch.from_numpy(tile.transpose(2, 0, 1)[None].copy()).to(self.device)
        pyramid = self.network.bottlenecks(self.pad(tile))
        return [image.long(), *(bottleneck.symbols for bottleneck in pyramid)]

    def blank_planes(self, height: int, width: int, batch: int = 1) -> list[Tensor]:
        """Zeros of the same sizes, of `batch` images."""
        network = self.network
        multiple = 1 << network.scales
        padded = [-(-side // multiple) * multiple for side in (height, width)]
        sizes = [(height, width), *([n >> s for n in padded] for s in range(1, network.scales + 1))]
        return [
            torch.zeros(
                batch, network.shape(s).channels, *size, dtype=torch.int64, device=self.device
            )
            for s, size in enumerate(sizes)
        ]

    def pad(self, tile: RGB) -> Tensor:
        """uint8 (1, 3, H', W'), sides divisible by 2^S, by repeating the last row and column."""
        multiple = 1 << self.network.scales
        missing = [(0, -side % multiple) for side in tile.shape[:2]]
        padded = np.pad(tile, [*missing, (0, 0)], mode="edge")
        return torch.from_numpy(padded.transpose(2, 0, 1)[None].copy()).to(self.device)

    def predictions(
        self, planes: list[Tensor], stopwatch: Stopwatch | None = None
    ) -> Iterator[tuple[Stage, list[tuple[Lattice, Tensor]]]]:
        """Every stage with its targets and their parameters (N, P, H, W), cut to those there are.

        Args:
            planes: symbols of x, z^(1), ..., z^(S), int64 (N, C, H, W). They are read stage by
                stage: a decoder fills in what it was given before it asks for the next.
            stopwatch: is told how long the network takes.
        """
        above = None
        for stage in self.network.stages:
            with timed(stopwatch, "network", scale_name(stage.s - 1)):
                raws, above = self.predict(stage, stage.seen(planes), above)
            plane = planes[stage.s - 1]
            predicted = []
            for target, raw in zip(stage.targets, raws, strict=True):
                height, width = target.of(plane).shape[2:]
                predicted.append((target, raw[:, :, :height, :width]))
            yield stage, predicted

    def predict(
        self, stage: Stage, symbols: Tensor, above: Tensor | None
    ) -> tuple[list[Tensor], Any]:
        """Parameters of a stage's targets for the coder, and features for the next stage.

        Args:
            stage: of the network.
            symbols: of what it is the first to see, int64 (N, C, H, W).
            above: features, as this method gave them for the stage before.

        Returns:
            (N, P, H', W') for each target: float32, or int32 on the coder's grids with an integer
            path.
        """
        if self._path is not None:
            return self._path.predict(stage, symbols, above)
        with torch_threads(1 if symbols[:, 0].numel() <= SMALL else None):
            values = self.network.values(stage.source_scale, symbols)
            values = values.contiguous(memory_format=self._memory_format)
            return self.network.predict(stage, values, above)

    def reals(self, s: int, raw: Tensor) -> Tensor:
        """What the parameters of z^(s) stand for, float32 as `Network.predict` gives them."""
        if self._path is None:
            return raw
        bits = torch.from_numpy(parameter_grids(self.network.shape(s))[0]).to(raw.device)
        return raw / torch.exp2(bits.float()).view(1, -1, 1, 1)

    def _encode_mixture(
        self, symbols: list[Tensor], raws: list[Tensor], shape: MixtureShape
    ) -> bytes:
        rows = _joined([_rows(each) for each in symbols])
        if self.device.type == "cuda":
            return cuda.encode_mixture(rows, _joined([_by_pixel(raw) for raw in raws]), shape)
        threads = torch.get_num_threads()
        return range_coder.encode_mixture(rows.numpy(), parameters(raws), shape, threads)

    def _decode_mixture(self, data: bytes, raws: list[Tensor], shape: MixtureShape) -> Tensor:
        if self.device.type == "cuda":
            return cuda.decode_mixture(data, _joined([_by_pixel(raw) for raw in raws]), shape)
        threads = torch.get_num_threads()
        symbols = range_coder.decode_mixture(data, parameters(raws), shape, threads)
        return torch.from_numpy(symbols)


def parameters(raws: list[Tensor]) -> npt.NDArray[Any]:
    """Each (P, H, W) -> all (pixels, P); one tensor in channels-last is not copied."""
    return _joined([_by_pixel(raw) for raw in raws]).contiguous().numpy()


def _joined(parts: list[Tensor]) -> Tensor:
    """One after the other; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _by_pixel(raw: Tensor) -> Tensor:
    return raw.permute(1, 2, 0).flatten(0, 1)


def _rows(plane: Tensor) -> Tensor:
    """(C, H, W) -> (H W, C)."""
    return plane.permute(1, 2, 0).reshape(-1, plane.shape[0])


def _plane(rows: npt.NDArray[Any] | Tensor, like: Tensor) -> Tensor:
    """Inverse of `_rows`: (H W, C), any integers -> int64 (C, H, W)."""
    channels, height, width = like.shape
    symbols = torch.as_tensor(rows, device=like.device).view(height, width, channels)
    return symbols.permute(2, 0, 1).long()


def _uniform_cdf(levels: int) -> npt.NDArray[np.uint32]:
    edges = np.arange(levels + 1, dtype=np.uint64) << np.uint64(FREQUENCY_BITS)
    return (edges // np.uint64(levels)).astype(np.uint32)[None]


def _encode_uniform(symbols: npt.NDArray[Any], shape: MixtureShape) -> bytes:
    flat = symbols.reshape(-1)
    rows = np.zeros(len(flat), np.int64)
    return range_coder.encode(flat, _uniform_cdf(shape.levels), rows, torch.get_num_threads())


def _decode_uniform(data: bytes, pixels: int, shape: MixtureShape) -> npt.NDArray[np.uint16]:
    rows = np.zeros(pixels * shape.channels, np.int64)
    return range_coder.decode(data, _uniform_cdf(shape.levels), rows, torch.get_num_threads())
