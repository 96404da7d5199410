"""RGB tile <-> streams with a trained network: the order of scales and channels, both directions.

The coarsest bottleneck comes first, under a uniform CDF; each prediction then allows the next finer
scale to be coded, down to the image. What a file is made of besides, see `l3c.coding`.

Encoder and decoder call the same predictor on the same symbols, one tile at a time. With an integer
path its answers are the same on any machine. In floating point they are the same on one machine,
as long as shapes and memory layout are, and the number of threads too: PyTorch was seen to round a
convolution of tiny inputs (up to 11 positions) differently with two threads, and none of larger
ones. Small scales are therefore predicted by one thread; `l3c.evaluation.exactness` measures what
that is worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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

RGB = npt.NDArray[np.uint8]

SMALL = 2048  # positions of a scale that one thread predicts: little work, far above those seen


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
        """Number of streams of a tile: one for each scale."""
        return self.network.scales + 1

    @torch.inference_mode()
    def encode(self, tile: RGB) -> list[bytes]:
        """Streams of z^(S), ..., z^(1), x.

        Args:
            tile: uint8 (H, W, 3), any size from 1x1.
        """
        network = self.network
        pyramid = network.bottlenecks(self.pad(tile))
        targets = [torch.from_numpy(tile.reshape(-1, 3)), *(_rows(p.symbols) for p in pyramid)]
        streams = [_encode_uniform(targets[-1].cpu().numpy(), network.shape(network.scales))]
        for s, raw in self.predictions([p.symbols for p in pyramid], tile.shape):
            streams.append(self._encode_mixture(targets[s], raw, network.shape(s)))
        return streams

    @torch.inference_mode()
    def decode(self, streams: list[bytes], height: int, width: int) -> RGB:
        """Inverse of `encode`: uint8 (height, width, 3).

        Raises:
            CorruptStreamError: streams that cannot be of this size. Other altered bytes give other
                pixels: whoever calls compares a checksum.
        """
        network, multiple = self.network, 1 << self.network.scales
        rows, columns = -(-height // multiple), -(-width // multiple)
        shape = network.shape(network.scales)
        symbols = torch.from_numpy(_decode_uniform(streams[0], rows * columns, shape))
        above = None
        for s in range(network.scales, 0, -1):
            z = symbols.to(self.device).view(1, rows, columns, -1).permute(0, 3, 1, 2).long()
            raw, above = self.predict(s, z, above)
            rows, columns = (2 * rows, 2 * columns) if s > 1 else (height, width)
            shape = network.shape(s - 1)
            stream = streams[network.scales + 1 - s]
            symbols = self._decode_mixture(stream, raw[:, :, :rows, :columns], shape)
        return symbols.cpu().numpy().astype(np.uint8).reshape(height, width, 3)

    def bits_theory(self, tile: RGB) -> float:
        """Cross-entropy of a tile in bits: an ideal coder's size, see `mixture.coded`."""
        return sum(self.bits_by_scale(tile))

    @torch.inference_mode()
    def bits_by_scale(self, tile: RGB) -> list[float]:
        """Cross-entropy of x, z^(1), ..., z^(S), in bits; padding of the image does not count."""
        network = self.network
        pyramid = network.bottlenecks(self.pad(tile))
        image = torch.from_numpy(tile.transpose(2, 0, 1).copy())[None].to(self.device)
        targets = [image, *(p.symbols for p in pyramid)]
        top = network.shape(network.scales)
        bits = [targets[-1].numel() * float(np.log2(top.levels))]
        for s, raw in self.predictions([p.symbols for p in pyramid], tile.shape):
            levels = network.shape(s).levels
            mixture = network.split(s, self.reals(s, raw))
            nats = negative_log_likelihood(targets[s].float(), mixture, levels)
            bits.insert(0, float(coded(nats, levels).sum()) / float(np.log(2)))
        return bits

    def pad(self, tile: RGB) -> Tensor:
        """uint8 (1, 3, H', W'), sides divisible by 2^S, by repeating the last row and column."""
        multiple = 1 << self.network.scales
        missing = [(0, -side % multiple) for side in tile.shape[:2]]
        padded = np.pad(tile, [*missing, (0, 0)], mode="edge")
        return torch.from_numpy(padded.transpose(2, 0, 1)[None].copy()).to(self.device)

    def predictions(
        self, symbols: list[Tensor], size: tuple[int, ...]
    ) -> Iterator[tuple[int, Tensor]]:
        """Parameters (1, P, H, W) of z^(S-1), ..., z^(0), in this order, with their s.

        Args:
            symbols: of z^(1), ..., z^(S), int64 (1, C, H, W).
            size: of the image, to which its parameters are cut.
        """
        above = None
        for s in range(self.network.scales, 0, -1):
            raw, above = self.predict(s, symbols[s - 1], above)
            height, width = raw.shape[2:] if s > 1 else size[:2]
            yield s - 1, raw[:, :, :height, :width]

    def predict(self, s: int, symbols: Tensor, above: Tensor | None) -> tuple[Tensor, Any]:
        """Parameters of z^(s-1) for the coder, and f^(s) to be handed over at the next scale.

        Args:
            s: 1..S.
            symbols: of z^(s), int64 (N, C, H, W).
            above: f^(s+1), as this method gave it.

        Returns:
            (N, P, 2H, 2W): float32, or int32 on the coder's grids with an integer path.
        """
        if self._path is not None:
            return self._path.predict(s, symbols, above)
        with _threads(1 if symbols[0, 0].numel() <= SMALL else torch.get_num_threads()):
            values = self.network.values(symbols).contiguous(memory_format=self._memory_format)
            return self.network.predict(s, values, above)

    def reals(self, s: int, raw: Tensor) -> Tensor:
        """What the parameters of z^(s) stand for, float32 as `Network.predict` gives them."""
        if self._path is None:
            return raw
        bits = torch.from_numpy(parameter_grids(self.network.shape(s))[0]).to(raw.device)
        return raw / torch.exp2(bits.float()).view(1, -1, 1, 1)

    def _encode_mixture(self, symbols: Tensor, raw: Tensor, shape: MixtureShape) -> bytes:
        if self.device.type == "cuda":
            return cuda.encode_mixture(symbols.to(self.device), raw[0].flatten(1).T, shape)
        return range_coder.encode_mixture(symbols.numpy(), parameters(raw), shape)

    def _decode_mixture(self, data: bytes, raw: Tensor, shape: MixtureShape) -> Tensor:
        if self.device.type == "cuda":
            return cuda.decode_mixture(data, raw[0].flatten(1).T, shape)
        return torch.from_numpy(range_coder.decode_mixture(data, parameters(raw), shape))


def parameters(raw: Tensor) -> npt.NDArray[Any]:
    """(1, P, H, W) -> (H W, P); a view of channels-last parameters without padding."""
    return raw[0].permute(1, 2, 0).flatten(0, 1).contiguous().numpy()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _rows(symbols: Tensor) -> Tensor:
    return symbols[0].permute(1, 2, 0).reshape(-1, symbols.shape[1])


def _uniform_cdf(levels: int) -> npt.NDArray[np.uint32]:
    edges = np.arange(levels + 1, dtype=np.uint64) << np.uint64(FREQUENCY_BITS)
    return (edges // np.uint64(levels)).astype(np.uint32)[None]


def _encode_uniform(symbols: npt.NDArray[Any], shape: MixtureShape) -> bytes:
    flat = symbols.reshape(-1)
    return range_coder.encode(flat, _uniform_cdf(shape.levels), np.zeros(len(flat), np.int64))


def _decode_uniform(data: bytes, pixels: int, shape: MixtureShape) -> npt.NDArray[np.uint16]:
    rows = np.zeros(pixels * shape.channels, np.int64)
    return range_coder.decode(data, _uniform_cdf(shape.levels), rows)
