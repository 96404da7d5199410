"""Float network -> integer network: grids from what errors cost, weights as fine as 2^24 allows.

An activation x of channel c becomes the integer rne(x 2^e), clipped to MARGIN times the largest on
the calibration photographs. Rounding costs about sensitivity / 24 * 4^-e nats; every channel gets
the e at which this is COST for a sub-pixel, so that channels that carry a mean to 1 in 2,000 have
fine grids and all others short integers. Channels that are added have one e. Each filter then takes
the finest power-of-two grid at which its L1 norm times the largest inputs stays within 2^24.
docs/integer.md has the derivation and the figures.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from l3c.integer.calibration import Calibration, calibrate
from l3c.integer.convolution import CARRIER_BITS, Bounds, IntegerConvolution
from l3c.integer.network import IntegerNetwork, parameter_grids
from l3c.integer.rounding import round_filters
from l3c.nn.layers import Conv, Function, Units, with_modules
from l3c.nn.pyramid import CodingStep, Decoder, PyramidNetwork

COST = 1e-6  # nats for a sub-pixel that the rounding of one channel may cost
FINEST, COARSEST = 12, -4  # e
MARGIN = 2.0  # photographs differ: activations may be twice those of the calibration
WEIGHT_LIMIT = (1 << 15) - 1

Reals = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """Which integers represent a tensor: v for the number (v - zero) / scale, clipped; (C,)."""

    scale: Reals
    zero: Reals
    bounds: Bounds


def convert(network: PyramidNetwork, images: Sequence[npt.NDArray[np.uint8]]) -> IntegerNetwork:
    """The integers of a trained network, checked.

    Args:
        network: on the CPU.
        images: photographs to calibrate on, uint8 (H, W, 3); a dozen of 128x128 are enough. They
            should not be those that are measured.

    Raises:
        BoundError: what a filter adds to its residual exceeds the bound, whatever its own grid.
        ValueError: no image is large enough, or the network is not finite on them.
    """
    network = network.eval()
    statistics, traced = calibrate(network, images), trace(network)
    grids = _ChannelGrids([*traced.values()], statistics)
    integers = IntegerNetwork(network)
    for name, layer in traced.items():
        if layer.step is not None:
            inputs = _symbols(network, layer.step)
            # All are as likely as another: nothing is known that rounding could make use of.
            moment = np.diag(np.append(inputs.bounds.high.astype(float) ** 2, 1.0))
        else:
            inputs = grids.of(layer.inputs)
            places = layer.source.kernel_size[0] * layer.source.kernel_size[1]
            scale = np.append(inputs.scale.repeat(places), 1.0)
            moment = statistics.inputs[layer.source].moment * np.outer(scale, scale)
        units = layer.units
        output = _parameters(units) if units else grids.of(layer.outputs[:, None])
        target = integers.get_submodule(name)
        assert isinstance(target, IntegerConvolution)
        _fill(target, layer.source, inputs, output, moment)
    integers.check()
    return integers


@dataclass
class Layer:
    """A convolution of the decoder, with what it is connected to.

    Attributes:
        source: the convolution.
        outputs: labels of its channels (O,).
        inputs, residual: labels of the channels that it gets (C, 4), of which a pixel shuffle makes
            one of four.
        step: whose symbols it takes, if it does.
        units: of the mixture whose parameters it gives, if it does.
    """

    source: Conv
    outputs: Labels
    inputs: Labels
    residual: Labels | None
    step: CodingStep | None = None
    units: Units | None = None


def trace(network: PyramidNetwork) -> dict[str, Layer]:
    """The convolutions of the decoder by name."""
    layers: dict[str, Layer] = {}
    count = itertools.count()

    def labelling(name: str, source: Conv) -> nn.Module:
        outputs = np.array(list(itertools.islice(count, source.out_channels)))

        def forward(x: Tensor, residual: Tensor | None = None) -> Tensor:
            added = None if residual is None else _in_blocks(residual)
            layers[name] = Layer(source, outputs, _in_blocks(x), added)
            return torch.from_numpy(outputs).view(1, -1, 1, 1).expand(-1, -1, *x.shape[2:])

        return Function(forward)

    decoder = Decoder(network.steps, network.shared)
    decoder.predictors, decoder.classifiers = network.predictors, network.classifiers
    decoder = with_modules(decoder, {Conv: labelling, Units: lambda *_: nn.Identity()})
    features = None
    for step in decoder.steps:
        channels = network.input_shape(step).channels
        _, features = decoder.predict(step, torch.full((1, channels, 2, 2), -1), features)
        layers[f"predictors.{step.predictor}.head"].step = step
        for index in step.classifiers:
            units = network.classifiers[index].units
            assert isinstance(units, Units)
            layers[f"classifiers.{index}.out"].units = units
    return layers


def _in_blocks(x: Tensor) -> Labels:
    labels: Labels = x[0, :, :2, :2].flatten(1).numpy()
    return labels


class _ChannelGrids:
    """Grids of all labelled channels."""

    def __init__(self, layers: Sequence[Layer], statistics: Calibration) -> None:
        count = 1 + max(layer.outputs[-1] for layer in layers)
        self.largest, sensitivity = np.zeros(count), np.zeros(count)
        self.low_is_0 = np.zeros(count, bool)
        roots = np.arange(count)
        seen = set()
        pairs = []
        for layer in layers:
            known = statistics.inputs[layer.source]
            self.low_is_0[layer.outputs] = layer.source.relu
            if layer.residual is not None:
                pairs.append((np.repeat(layer.outputs, 4), layer.residual.flatten()))
                np.maximum.at(self.largest, layer.residual, known.largest_residual[:, None])
            if layer.step is None:
                pairs.append((np.repeat(layer.inputs[:, 0], 4), layer.inputs.flatten()))
                np.maximum.at(self.largest, layer.inputs, known.largest[:, None])
                if layer.inputs.tobytes() not in seen:  # several convolutions may have one input
                    sensitivity[layer.inputs[:, 0]] += known.sensitivity
                    seen.add(layer.inputs.tobytes())
        first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
        while (roots[first] != roots[second]).any():
            lower = np.minimum(roots[first], roots[second])
            np.minimum.at(roots, first, lower)
            np.minimum.at(roots, second, lower)
        total = np.bincount(roots, sensitivity, count)[roots]
        cost = 24 * COST * statistics.subpixels
        with np.errstate(divide="ignore"):
            self.exponent = np.rint(np.log2(total / cost) / 2).clip(COARSEST, FINEST)

    def of(self, labels: Labels) -> Grid:
        """The grid of a tensor with these channels (C, any)."""
        exponent = self.exponent[labels[:, 0]]
        largest = self.largest[labels].max(axis=1)
        top = np.ceil(np.ldexp(MARGIN * largest, exponent.astype(int)))
        high = top.clip(1, 1 << (CARRIER_BITS - 2)).astype(np.int64)
        low = np.where(self.low_is_0[labels[:, 0]], 0, -high)
        return Grid(np.exp2(exponent), np.zeros(len(high)), Bounds(low, high))


def _symbols(network: PyramidNetwork, step: CodingStep) -> Grid:
    """How 2 symbol - (L - 1) represents what the float network takes for a symbol."""
    shape = network.input_shape(step)
    ends = torch.tensor([0, shape.levels - 1]).view(1, 1, 1, 2).expand(1, shape.channels, 1, 2)
    first, last = network.values(step.source_scale, ends)[0, :, 0].double().numpy().T
    scale = 2 * (shape.levels - 1) / (last - first)
    top = np.full(shape.channels, shape.levels - 1, np.int64)
    return Grid(scale, -(first + last) / 2 * scale, Bounds(-top, top))


def _parameters(units: Units) -> Grid:
    """The coder's grids, for the network's own units."""
    scale, shift, least = (
        values.flatten().double().numpy() for values in (units.scale, units.shift, units.low)
    )
    bits, low, high = parameter_grids(units.shape)
    low = np.maximum(low, np.rint(np.ldexp(least, bits)).astype(np.int64))
    return Grid(scale * np.exp2(bits), shift * np.exp2(bits), Bounds(low, high))


def _fill(
    target: IntegerConvolution, source: Conv, inputs: Grid, output: Grid, moment: Reals
) -> None:
    """The integers of a convolution: the largest shift that fits, weights rounded in turn.

    Args:
        target: to fill.
        source: in floating point.
        inputs: grid of the channels that it gets.
        output: grid of those that it gives.
        moment: of integer inputs, see `calibration.Inputs`.
    """
    assert source.bias is not None
    weight, bias = (each.detach().double().numpy() for each in (source.weight, source.bias))
    weight = weight * output.scale[:, None, None, None] / inputs.scale[:, None, None]
    bias = bias * output.scale + output.zero - np.einsum("oikl,i->o", weight, inputs.zero)
    flat = np.concatenate([weight.reshape(len(weight), -1), bias[:, None]], axis=1)
    sums = (np.abs(weight) * inputs.bounds.magnitude[:, None, None]).sum((1, 2, 3)) + np.abs(bias)
    widest = np.abs(weight).max(axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        shift = np.floor(
            np.minimum(CARRIER_BITS - np.log2(sums), np.log2(WEIGHT_LIMIT / widest))
        ).clip(-CARRIER_BITS, CARRIER_BITS)
    rounded = round_filters(flat, moment, np.exp2(-shift))
    while True:
        integers = rounded[:, :-1].reshape(weight.shape).astype(np.int64)
        offsets = rounded[:, -1].astype(np.int64)
        over = inputs.bounds.largest_sum(integers, offsets) > 1 << CARRIER_BITS
        over &= shift > -CARRIER_BITS
        if not over.any():
            break
        shift[over] -= 1  # rounding moved weights: a filter or two end beyond the bound
        rounded[over] = round_filters(flat[over], moment, np.exp2(-shift[over]))
    values = (integers, offsets, shift, output.bounds.low, output.bounds.high)
    for name, value in zip(("weight", "bias", "shift", "low", "high"), values, strict=True):
        target.get_buffer(name).copy_(torch.from_numpy(value.astype(np.int32)))
