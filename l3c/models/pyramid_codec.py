"""RGB tile <-> streams with a trained network: the order of scales and channels, both directions.

The coarsest bottleneck comes first, under a uniform CDF; each prediction then allows the next finer
scale to be coded, down to the image. What a file is made of besides, see `l3c.coding`.

Encoder and decoder call the same predictor on the same symbols. With integers its answers
are the same on any machine and in any batch, so that small tiles of one size are predicted
together. In floating point they are the same on one machine, as long as shapes and memory layout
are, and the number of threads too: tiles are predicted one at a time. PyTorch was also seen to
round a convolution of tiny inputs (up to 11 positions) differently with two threads, and none of
larger ones, so that small scales are predicted by one thread (measured by
`l3c.bench.measure.exactness`). Neither depends on what the calling program has set PyTorch to
(`l3c.torch_state`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from coder import cuda, range_coder
from coder.shape import MixtureShape
from coder.tables import FREQUENCY_BITS
from l3c.arithmetic import Arithmetic, floating
from l3c.integer.network import IntegerNetwork, parameter_grids
from l3c.models.base import TorchTileCodec
from l3c.models.tile_codec import RGB, Bits, Sample, TileCodec, UnsupportedError
from l3c.nn.mixture import negative_log_likelihood, sample, with_probability_floor
from l3c.nn.pyramid import CodingStep, PixelGroup, PyramidNetwork, scale_name
from l3c.stopwatch import Stopwatch, timed
from l3c.threads import torch_threads
from l3c.torch_state import fixed_state

SMALL = 2048  # positions that one thread predicts: little work, far above those seen
TOGETHER = 1 << 17  # pixels of the tiles that are predicted at once; more would only take memory


class PyramidCodec(TorchTileCodec):
    """Encodes and decodes RGB tiles with one network.

    Args:
        network: with its weights.
        identity: of the float model.
        device: "cpu" or "cuda".
        integers: the decoder in integers, checked; without it the network predicts in float32.
        memory_format: of activations and weights.

    Raises:
        l3c.integer.exact.InexactError: with integers, on a machine that cannot run them exactly.
    """

    @fixed_state(inference=False)
    def __init__(
        self,
        network: PyramidNetwork,
        identity: bytes,
        device: str = "cpu",
        integers: IntegerNetwork | None = None,
        memory_format: torch.memory_format = torch.channels_last,
    ) -> None:
        self.arithmetic = Arithmetic.INTEGER if integers else floating(device)
        self.identity = integers.identity() if integers else identity
        self.device = torch.device(device)
        self.network = network.eval().requires_grad_(False).to(self.device)
        self.network.to(memory_format=memory_format)  # type: ignore[call-overload]
        scales = [network.scales, *(step.s - 1 for step in network.steps)]
        self.stream_parts = tuple(map(scale_name, scales))
        self._memory_format = memory_format
        self._integers = integers.prepare(self.device, memory_format) if integers else None

    def encode(self, tile: RGB, stopwatch: Stopwatch | None = None) -> list[bytes]:
        """Streams of z^(S), and of every step in the order of decoding; see `TileCodec`."""
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
        """See `TileCodec`."""
        return self._decode([streams], height, width, stopwatch)[0]

    def decode_batch(self, tiles: Sequence[list[bytes]], height: int, width: int) -> list[RGB]:
        """Each tile from its streams, as `decode` gives it; all tiles are of one size."""
        parts = self._parts(len(tiles), height, width)
        return [tile for part in parts for tile in self._decode(tiles[part], height, width)]

    def _parts(self, count: int, height: int, width: int) -> Iterator[slice]:
        """Which of `count` tiles are predicted at once: in floating point only one."""
        many = max(1, TOGETHER // (height * width)) if self._integers else 1
        return (slice(start, start + many) for start in range(0, count, many))

    def _encode(
        self, tiles: Sequence[RGB], stopwatch: Stopwatch | None = None
    ) -> list[list[bytes]]:
        network = self.network
        with timed(stopwatch, "network"):
            # Extractors are in floating point: one tile at a time gives z that no batch changes.
            of_tiles = [self.symbols(tile) for tile in tiles]
            symbols = [torch.cat(scale) for scale in zip(*of_tiles, strict=True)]
        with timed(stopwatch, "range_coder", scale_name(network.scales)):
            top = network.shape(network.scales)
            coarsest = symbols[-1].cpu()
            streams = [[_encode_uniform(_rows(plane).numpy(), top)] for plane in coarsest]
        for step, predicted in self.predictions(symbols, stopwatch):
            s = step.s - 1
            with timed(stopwatch, "coder", scale_name(s)):
                wanted = [target.select(symbols[s]) for target, _ in predicted]
                for number, of_tile in enumerate(streams):
                    planes = [each[number] for each in wanted]
                    params = [each[number] for _, each in predicted]
                    of_tile.append(self._encode_mixture(planes, params, network.shape(s)))
        return streams

    def _decode(
        self,
        tiles: Sequence[list[bytes]],
        height: int,
        width: int,
        stopwatch: Stopwatch | None = None,
    ) -> list[RGB]:
        network = self.network
        symbols = self.blank_symbols(height, width, len(tiles))
        with timed(stopwatch, "range_coder", scale_name(network.scales)):
            top = network.shape(network.scales)
            for streams, plane in zip(tiles, symbols[-1], strict=True):
                coarsest = _decode_uniform(streams[0], plane[0].numel(), top)
                plane.copy_(_plane(coarsest, plane))
        for number, (step, predicted) in enumerate(self.predictions(symbols, stopwatch), 1):
            s = step.s - 1
            with timed(stopwatch, "coder", scale_name(s)):
                for tile, streams in enumerate(tiles):
                    params = [each[tile] for _, each in predicted]
                    rows = self._decode_mixture(streams[number], params, network.shape(s))
                    for target, _ in predicted:
                        plane = target.select(symbols[s])[tile]
                        count = plane[0].numel()
                        plane.copy_(_plane(rows[:count], plane))
                        rows = rows[count:]
        return [*symbols[0].permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)]

    def symbol_bits(self, tile: RGB) -> Mapping[str, Bits]:
        """See `TileCodec`; x without padding, z^(s) with it (`mixture.with_probability_floor`)."""
        network = self.network
        symbols = self.symbols(tile)
        bits = [torch.zeros_like(plane[0], dtype=torch.float64) for plane in symbols]
        for step, predicted in self.predictions(symbols):
            s = step.s - 1
            levels = network.shape(s).levels
            for target, params in predicted:
                mixture = network.split(s, self.reals(s, params))
                pixels = target.select(symbols[s]).float()
                nats = negative_log_likelihood(pixels, mixture, levels)
                floored = with_probability_floor(nats, levels)[0].permute(2, 0, 1)
                target.select(bits[s]).copy_(floored / float(np.log(2)))
        bits[-1].fill_(float(np.log2(network.shape(network.scales).levels)))
        return {scale_name(s): plane.cpu().numpy() for s, plane in enumerate(bits)}

    def padded_pixels(self, height: int, width: int) -> int:
        """See `TileCodec`."""
        multiple = self.network.multiple
        return -(-height // multiple) * -(-width // multiple) * multiple**2

    def channel_names(self, part: str, channels: int) -> list[str]:
        """See `TileCodec`; scales that are smaller images have colours too."""
        s = [scale_name(s) for s in range(self.network.scales + 1)].index(part)
        colours = self.network.shape(s).coupled
        return [*"RGB"] if colours else super().channel_names(part, channels)

    def symbols(self, tile: RGB) -> list[Tensor]:
        """Symbols of x, z^(1), ..., z^(S): int64 (1, C, H, W), x without padding."""
        image = torch.from_numpy(tile.transpose(2, 0, 1)[None].copy()).to(self.device)
        pyramid = self.network.bottlenecks(self.pad(tile))
        return [image.long(), *(bottleneck.symbols for bottleneck in pyramid)]

    def blank_symbols(self, height: int, width: int, batch: int = 1) -> list[Tensor]:
        """Zeros of the same sizes, of `batch` images."""
        network, multiple = self.network, self.network.multiple
        padded = [-(-side // multiple) * multiple for side in (height, width)]
        sizes = [(height, width)]
        sizes += [(-(-padded[0] >> s), -(-padded[1] >> s)) for s in range(1, network.scales + 1)]
        return [
            torch.zeros(
                batch, network.shape(s).channels, *size, dtype=torch.int64, device=self.device
            )
            for s, size in enumerate(sizes)
        ]

    def pad(self, tile: RGB) -> Tensor:
        """uint8 (1, 3, H', W'): last row and column repeated up to the sides it needs."""
        missing = [(0, -side % self.network.multiple) for side in tile.shape[:2]]
        padded = np.pad(tile, [*missing, (0, 0)], mode="edge")
        return torch.from_numpy(padded.transpose(2, 0, 1)[None].copy()).to(self.device)

    def predictions(
        self, symbols: list[Tensor], stopwatch: Stopwatch | None = None
    ) -> Iterator[tuple[CodingStep, list[tuple[PixelGroup, Tensor]]]]:
        """Every step with its targets and their mixture parameters (N, P, H, W), as many as exist.

        Args:
            symbols: of x, z^(1), ..., z^(S), int64 (N, C, H, W). They are read step by step: a
                decoder fills in what it was given before it asks for the next.
            stopwatch: is told how long the network takes.
        """
        features, known = None, self.network.known
        for step in self.network.steps:
            if known is not None and step.number == 0:
                known.select(symbols[step.s - 1]).copy_(symbols[step.s])
            with timed(stopwatch, "network", scale_name(step.s - 1)):
                outputs, features = self.predict(step, step.inputs(symbols), features)
            plane = symbols[step.s - 1]
            predicted = []
            for target, params in zip(step.targets, outputs, strict=True):
                height, width = target.select(plane).shape[2:]
                predicted.append((target, params[:, :, :height, :width]))
            yield step, predicted

    def predict(
        self, step: CodingStep, symbols: Tensor, coarser_features: Tensor | None
    ) -> tuple[list[Tensor], Any]:
        """Parameters of a step's targets for the coder, and features for the next step.

        Args:
            step: of the network.
            symbols: of its input, int64 (N, C, H, W).
            coarser_features: as this method gave them for the step before.

        Returns:
            (N, P, H', W') for each target: float32, or int32 on the coder's grids with integers.
        """
        if self._integers is not None:
            return self._integers.predict(step, symbols, coarser_features)
        with torch_threads(1 if symbols[:, 0].numel() <= SMALL else None):
            values = self.network.values(step.source_scale, symbols)
            values = values.contiguous(memory_format=self._memory_format)
            return self.network.predict(step, values, coarser_features)

    def reals(self, s: int, mixture_params: Tensor) -> Tensor:
        """The parameters of z^(s) as float32, as `PyramidNetwork.predict` gives them."""
        if self._integers is None:
            return mixture_params
        bits = torch.from_numpy(parameter_grids(self.network.shape(s))[0]).to(self.device)
        return mixture_params / torch.exp2(bits.float()).view(1, -1, 1, 1)

    def uniform_bpsp(self, height: int, width: int) -> float:
        """What z^(S) costs, by its number of symbols alone, in bits per sub-pixel of the image.

        C log2(L) / (3 * 4^S) for every image whose sides 2^S divides: 5 log2(25) / 192 = 0.121 for
        the paper's network (Sec. 5.4).
        """
        top = self.network.shape(self.network.scales)
        symbols = self.blank_symbols(height, width)[-1].numel()
        return symbols * math.log2(top.levels) / (3 * height * width)

    def sample_parts(self, tile: RGB, seed: int = 0) -> list[Sample]:
        """The image itself, then x sampled given z^(1)..z^(S), x and z^(1) given z^(2)..z^(S), ...

        Args:
            tile: uint8 (H, W, 3).
            seed: of the random numbers; each sample has its own stream of them.
        """
        stored = self.symbols(tile)
        bits = [part.sum() / tile.size for part in self.symbol_bits(tile).values()]
        names = [scale_name(s) for s in range(self.network.scales)]
        samples = [Sample("truth", tile, sum(bits))]
        for finest in range(1, self.network.scales + 1):  # z^(finest) and above are stored
            generator = torch.Generator(self.device).manual_seed(seed + finest)
            symbols = [*self.blank_symbols(*tile.shape[:2])[:finest], *stored[finest:]]
            self._draw(symbols, finest, generator)
            image = symbols[0][0].permute(1, 2, 0).cpu().numpy().astype(np.uint8)
            samples.append(Sample("-".join(names[:finest]), image, sum(bits[finest:])))
        return samples

    def sample_images(self, count: int, height: int, width: int, seed: int = 0) -> RGB:
        """z^(S) from its uniform prior, then every finer scale given it; see `TileCodec`.

        All images go through the network together.
        """
        generator = torch.Generator(self.device).manual_seed(seed)
        symbols = self.blank_symbols(height, width, count)
        top = self.network.shape(self.network.scales)
        symbols[-1].random_(0, top.levels, generator=generator)
        self._draw(symbols, self.network.scales, generator)
        return symbols[0].permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)

    def _draw(self, symbols: list[Tensor], finest: int, generator: torch.Generator) -> None:
        """Fills the scales below `finest`, of a batch, with symbols from their mixtures."""
        network = self.network
        for step, predicted in self.predictions(symbols):
            s = step.s - 1
            if s >= finest:
                continue
            for target, params in predicted:
                mixture = network.split(s, self.reals(s, params))
                pixels = sample(mixture, network.shape(s).levels, generator)
                target.select(symbols[s]).copy_(pixels)

    def _encode_mixture(
        self, symbols: list[Tensor], params: list[Tensor], shape: MixtureShape
    ) -> bytes:
        rows = _joined([_rows(each) for each in symbols])
        if self.device.type == "cuda":
            return cuda.encode_mixture(rows, _joined([_by_pixel(each) for each in params]), shape)
        threads = torch.get_num_threads()
        return range_coder.encode_mixture(rows.numpy(), parameters(params), shape, threads)

    def _decode_mixture(self, data: bytes, params: list[Tensor], shape: MixtureShape) -> Tensor:
        if self.device.type == "cuda":
            return cuda.decode_mixture(data, _joined([_by_pixel(each) for each in params]), shape)
        threads = torch.get_num_threads()
        symbols = range_coder.decode_mixture(data, parameters(params), shape, threads)
        return torch.from_numpy(symbols)


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
    return _joined([_by_pixel(each) for each in mixture_params]).contiguous().numpy()


def _joined(parts: list[Tensor]) -> Tensor:
    """One after the other; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _by_pixel(params: Tensor) -> Tensor:
    return params.permute(1, 2, 0).flatten(0, 1)


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
