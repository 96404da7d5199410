"""CPM's file: its symbols, coded by the context model in integers; and the conversion to them.

Symbols decode exactly everywhere. Pixels do not: the decoder network D computes in floating point,
so that reconstructions of one file may differ between devices in single levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from coder import volume
from coder.tables import LOGIT_BITS
from coder.volume import TAPS, TOP, Layer, Symbols, VolumeNetwork, WeightError, largest_sums
from l3c.models.base import TorchTileCodec
from l3c.models.causal import identity
from l3c.models.cpm import CPM, STRIDE, Bottleneck, MaskedConv3d, cut, pad
from l3c.models.tile_codec import RGB, Arithmetic, Bits, LossyCodec, UnsupportedError
from l3c.stopwatch import timed
from l3c.torch_state import fixed_state

ROOM = 3.0  # between the largest unit in calibration and the largest that is not clipped
SPREAD = 16.0  # no feature gets a scale so many times finer than the largest feature
PART = "symbols"


class CPMCodec(LossyCodec, TorchTileCodec[CPM]):
    """Symbols of a tile as one stream; decoding gives a reconstruction, not the tile.

    Args:
        model: whose E and D it runs.
        device: that they run on; the context model runs on the CPU.
        integers: of the context model.

    Raises:
        UnsupportedError: no integers.
        WeightError: integers that could overflow.
    """

    stream_parts = (PART,)

    def __init__(self, model: CPM, device: str, integers: Mapping[str, Tensor] | None) -> None:
        if integers is None:
            raise UnsupportedError("the cpm family codes in integers")
        super().__init__(model, device)
        for network in (model.encoder, model.decoder):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network_of(integers)
        self.arithmetic = Arithmetic.INTEGER
        self.identity = identity(self.network.to_arrays(), self.identity)

    def symbols(self, image: RGB) -> Symbols:
        """See `LossyCodec`: (C, H/8, W/8), sides rounded up."""
        with timed("network", PART):
            return self._found(image).symbols[0].to("cpu", torch.uint8).numpy()

    def importance(self, image: RGB) -> npt.NDArray[np.float32]:
        """See `LossyCodec`: the paper's heat map."""
        return self._found(image).importance[0].sum(0).cpu().numpy()

    def _found(self, image: RGB) -> Bottleneck:
        """E and Q; in bfloat16 with AMX, four times faster, which moves 0.2 % of the symbols."""
        amx = torch.cpu._is_amx_tile_supported()  # without it bfloat16 is slower than float32
        with fixed_state(), torch.autocast("cpu", torch.bfloat16, amx):
            return self.model.encode(pad(self.images(image).float()))

    def encode_symbols(self, symbols: Symbols) -> list[bytes]:
        """See `LossyCodec`: one stream."""
        with timed("coder", PART):
            return [volume.encode_volume(symbols, self.network)]

    def decode_symbols(self, streams: list[bytes], height: int, width: int) -> Symbols:
        """See `LossyCodec`."""
        sides = (-(-height // STRIDE), -(-width // STRIDE))
        with timed("coder", PART):
            shape = (self.model.settings.bottleneck, *sides)
            return volume.decode_volume(streams[0], self.network, shape)

    def reconstruct(self, symbols: Symbols, height: int, width: int) -> RGB:
        """See `LossyCodec`: values are truncated, not rounded, as the paper does."""
        with timed("network", PART), fixed_state():
            values = self.model.centres[torch.from_numpy(symbols).to(self.device).long()]
            image = cut(self.model.decode(values[None]), height, width)[0]
            return image.to(torch.uint8).permute(1, 2, 0).cpu().contiguous().numpy()

    def symbol_bits(self, tile: RGB) -> dict[str, Bits]:
        """See `TileCodec`."""
        return {PART: volume.symbol_bits(self.symbols(tile), self.network)}


def network_of(integers: Mapping[str, Tensor]) -> VolumeNetwork:
    """The context model that integers of a file make.

    Raises:
        WeightError: other tensors, or such that could overflow.
    """
    return VolumeNetwork.from_arrays({name: each.cpu().numpy() for name, each in integers.items()})


@torch.no_grad()
def to_integers(model: CPM, images: Sequence[npt.NDArray[np.uint8]]) -> dict[str, Tensor]:
    """The context model in integers.

    Every feature gets a scale of its own, so that three times its largest value on the images fits;
    filters are as fine as 16 bits, and 32 for sums, allow.

    Args:
        model: trained, on the CPU.
        images: to calibrate on, uint8 (H, W, 3).

    Raises:
        WeightError: the weights are too large to be converted.
    """
    net, centres = model.context, model.centres.double()
    outer, inner = torch.zeros(2, model.settings.context, dtype=torch.float64)
    with model.evaluating():
        for image in images:
            batch = torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float()
            values = model.centres[model.encode(pad(batch)).symbols]
            u0, u1, u2 = net.features(values, model.centres[0])
            outer = outer.maximum(_largest(u0)).maximum(_largest(u2))
            inner = inner.maximum(_largest(u1))
    unit = [TOP / (ROOM * each.clamp(min=each.max() / SPREAD)) for each in (outer, inner)]
    logit = torch.full((model.settings.levels,), 2.0**LOGIT_BITS, dtype=torch.float64)
    table = _open_taps(net.first)[:, :-1] * centres  # (F, 13, L): of the one channel of values
    first, second = (each for each in net.block if isinstance(each, MaskedConv3d))
    layers = [_layer(table, _bias(net.first), unit[0])]
    for conv, source, target in (
        (first, unit[0], unit[1]),
        (second, unit[1], unit[0]),
        (net.last, unit[0], logit),
    ):
        layers.append(_layer(_open_taps(conv) / source, _bias(conv), target))
    arrays: Mapping[str, Any] = VolumeNetwork(layers).to_arrays()
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _largest(features: Tensor) -> Tensor:
    return features.abs().amax((0, 2, 3, 4)).double()


def _bias(conv: MaskedConv3d) -> Tensor:
    assert conv.bias is not None
    return conv.bias.double()


def _open_taps(conv: MaskedConv3d) -> Tensor:
    """Weights (outputs, 14, inputs), in the coder's order."""
    taps = [conv.weight[:, :, 1 + c, 1 + y, 1 + x] for c, y, x in TAPS]
    return torch.stack(taps, dim=1).double()


def _layer(weight: Tensor, bias: Tensor, unit: Tensor) -> Layer:
    """A layer's integers, at the largest power of two that the bounds allow for each output."""
    first = weight.shape[1] < len(TAPS)
    limit = 2**31 if first else 2**15
    w, b = (weight * unit[:, None, None]).numpy(), (bias * unit).numpy()
    shift = np.zeros(len(w), np.int32)
    for k in range(1, volume.MAX_SHIFT + 1):
        scaled, offset = np.rint(w * 2.0**k), np.rint(b * 2.0**k) + 2.0 ** (k - 1)
        if np.abs(scaled).max() > 2.0**40:
            break
        fits = np.abs(scaled).max((1, 2)) < limit
        fits &= largest_sums(scaled.astype(np.int64), offset.astype(np.int64)) <= volume.SUM_LIMIT
        shift[fits] = k
    if not shift.all():
        raise WeightError("weights too large for 16 bits, or for sums of 32")
    scale = 2.0**shift
    weights = np.rint(w * scale[:, None, None]).astype(np.int32 if first else np.int16)
    return Layer(weights, (np.rint(b * scale) + scale / 2).astype(np.int32), shift)
