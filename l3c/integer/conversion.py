"""Float network -> integer network: grids from what errors cost, weights as fine as 2^24 allows.

An activation x of channel c becomes the integer rne(x 2^e), clipped to MARGIN times the largest on
the calibration photographs. Rounding costs about sensitivity / 24 * 4^-e nats; every channel gets
the e at which this is COST for a sub-pixel, so that channels that carry a mean to 1 in 2,000 have
fine grids and all others short integers. Channels that are added have one e. Each filter then takes
the finest power-of-two grid at which its L1 norm times the largest inputs stays within 2^24.
docs/integer.md has the derivation and the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from l3c.integer.calibration import Inputs, calibrate
from l3c.integer.convolution import CARRIER_BITS, IntegerConvolution, largest_sum
from l3c.integer.network import IntegerNetwork, parameter_grids
from l3c.nn.layers import Conv, Function, Units
from l3c.nn.pyramid import CodingStep, PyramidNetwork

COST = 1e-6  # nats for a sub-pixel that the rounding of one channel may cost
FINEST, COARSEST = 12, -4  # e
MARGIN = 2.0  # photographs differ: activations may be twice those of the calibration
WEIGHT_LIMIT = (1 << 15) - 1


@dataclass(frozen=True)
class Grid:
    """Which integers represent a tensor: v for the number (v - zero) / scale, clipped.

    Attributes:
        scale, zero: float64 (C,).
        bounds: int64 (2, C).
    """

    scale: Tensor
    zero: Tensor
    bounds: Tensor


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
    statistics, layers = calibrate(network, images), trace(network)
    integers = IntegerNetwork(network)
    grids = _grids(layers, statistics)
    symbols = {f"predictors.{step.predictor}.head": step for step in network.steps}
    units = {name: each for name, each in network.named_modules() if isinstance(each, Units)}
    for name, layer in layers.items():
        inputs, output = grids[name]
        if name in symbols:
            inputs = _symbols(network, symbols[name])
            # All are as likely as another: nothing is known that rounding could make use of.
            moment = torch.diag(torch.cat([inputs.bounds[1].double() ** 2, torch.ones(1)]))
        else:
            places = layer.source.kernel_size[0] * layer.source.kernel_size[1]
            scale = torch.cat([inputs.scale.repeat_interleave(places), torch.ones(1)])
            moment = statistics[name].moment * torch.outer(scale, scale)
        if of_mixture := units.get(name.removesuffix("out") + "units"):
            output = _parameters(of_mixture)
        target = integers.get_submodule(name)
        assert isinstance(target, IntegerConvolution)
        _fill(target, layer.source, inputs, output, moment)
    integers.check()
    return integers


@dataclass(frozen=True)
class Layer:
    """A convolution of the decoder, with what it is connected to.

    Labels are int64 (2, C), of a channel and of the stream that it belongs to: all that is added
    to one channel, and the sum, are one stream. The four outputs that a pixel shuffle makes one
    channel of have one label. Those of symbols are -1.

    Attributes:
        source: the convolution.
        inputs, outputs: labels of the channels that it gets and gives.
        residual: labels of what is added to its result, or None.
    """

    source: Conv
    inputs: Tensor
    outputs: Tensor
    residual: Tensor | None


def trace(network: PyramidNetwork) -> dict[str, Layer]:
    """The convolutions of the decoder by name: it runs on labels in the place of numbers."""
    layers: dict[str, Layer] = {}
    first = 0

    def labelling(name: str, source: Conv) -> nn.Module:
        nonlocal first
        own = first + torch.arange(source.out_channels)
        first += source.out_channels
        if name.endswith("up.conv"):
            own = own[::4].repeat_interleave(4)

        def forward(x: Tensor, residual: Tensor | None = None) -> Tensor:
            added = None if residual is None else residual[:, :, 0, 0]
            outputs = torch.stack([own, own if added is None else added[1]])
            layers[name] = Layer(source, x[:, :, 0, 0], outputs, added)
            return outputs[:, :, None, None].expand(-1, -1, *x.shape[2:])

        return Function(forward)

    decoder = network.with_modules({Conv: labelling, Units: lambda *_: nn.Identity()})
    for _ in decoder.predictions([torch.full((2, z.channels, 2, 2), -1) for z in network.shapes]):
        pass
    return layers


def _grids(
    layers: Mapping[str, Layer], statistics: Mapping[str, Inputs]
) -> dict[str, tuple[Grid, Grid]]:
    """Grids of what each convolution gets and gives, by its name."""
    count = 1 + int(max(layer.outputs[0, -1] for layer in layers.values()))
    largest, sensitivity = torch.zeros(2, count, dtype=torch.float64)
    low_is_0, seen = torch.zeros(count, dtype=torch.bool), set()
    for name, layer in layers.items():
        known, (channels, streams) = statistics[name], layer.inputs
        low_is_0[layer.outputs[0]] = layer.source.relu
        if layer.residual is not None:
            added = layer.residual[0]
            largest[added] = largest[added].maximum(known.largest_residual)
        if channels[0] >= 0:
            largest[channels] = largest[channels].maximum(known.largest)
            if (labels := tuple(channels.tolist())) not in seen:
                seen.add(labels)  # several convolutions may have one input
                sensitivity.index_add_(0, streams, known.sensitivity)
    exponent = (torch.log2(sensitivity / (24 * COST)) / 2).round().clamp(COARSEST, FINEST)

    def grid(labels: Tensor) -> Grid:
        scale = torch.exp2(exponent[labels[1]])
        top = (MARGIN * largest[labels[0]] * scale).ceil()
        high = top.clamp(1, 1 << (CARRIER_BITS - 2)).long()
        low = torch.where(low_is_0[labels[0]], 0, -high)
        return Grid(scale, torch.zeros_like(scale), torch.stack([low, high]))

    return {name: (grid(layer.inputs), grid(layer.outputs)) for name, layer in layers.items()}


def _symbols(network: PyramidNetwork, step: CodingStep) -> Grid:
    """How 2 symbol - (L - 1) represents what the float network takes for a symbol."""
    shape = network.shape(step.source_scale)
    ends = torch.tensor([0, shape.levels - 1]).view(1, 1, 1, 2).expand(1, shape.channels, 1, 2)
    first, last = network.values(step.source_scale, ends)[0, :, 0].double().T
    scale = 2 * (shape.levels - 1) / (last - first)
    top = torch.full((shape.channels,), shape.levels - 1)
    return Grid(scale, -(first + last) / 2 * scale, torch.stack([-top, top]))


def _parameters(units: Units) -> Grid:
    """The coder's grids, for the network's own units."""
    bits, low, high = map(torch.from_numpy, parameter_grids(units.shape))
    scale, shift, least = (
        values.flatten().double() * torch.exp2(bits.double())
        for values in (units.scale, units.shift, units.low)
    )
    return Grid(scale, shift, torch.stack([low.maximum(least.round().long()), high]))


@torch.no_grad()
def _fill(
    target: IntegerConvolution, source: Conv, inputs: Grid, output: Grid, moment: Tensor
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
    weight = source.weight.double() * output.scale[:, None, None, None]
    weight = weight / inputs.scale[:, None, None]
    bias = source.bias.double() * output.scale + output.zero
    bias -= (weight * inputs.zero[:, None, None]).sum((1, 2, 3))
    flat = torch.cat([weight.flatten(1), bias[:, None]], dim=1)
    magnitude = inputs.bounds.abs().amax(0)
    sums = (weight.abs() * magnitude[:, None, None]).sum((1, 2, 3)) + bias.abs()
    fits = (CARRIER_BITS - sums.log2()).minimum(
        (WEIGHT_LIMIT / weight.abs().amax((1, 2, 3))).log2()
    )
    shift = fits.floor().clamp(-CARRIER_BITS, CARRIER_BITS)
    rounded = round_filters(flat, moment, torch.exp2(-shift))
    while True:
        integers, offsets = rounded[:, :-1].reshape(weight.shape).long(), rounded[:, -1].long()
        over = largest_sum(integers, offsets, inputs.bounds) > 1 << CARRIER_BITS
        over &= shift > -CARRIER_BITS
        if not over.any():
            break
        shift[over] -= 1  # rounding moved weights: a filter or two end beyond the bound
        rounded[over] = round_filters(flat[over], moment, torch.exp2(-shift[over]))
    values = (integers, offsets, shift, *output.bounds)
    for name, value in zip(("weight", "bias", "shift", "low", "high"), values, strict=True):
        target.get_buffer(name).copy_(value)


DAMPING = 1e-5  # on the diagonal, relative: inputs that are never off each other exactly


def round_filters(weights: Tensor, moment: Tensor, step: Tensor) -> Tensor:
    """Multiples of a step, near the weights, whose outputs are near theirs.

    Args:
        weights: float64 (O, n); the last column is the bias, whose input is 1.
        moment: sum of x x^T over inputs x, float64 (n, n).
        step: of each filter, float64 (O,), > 0.

    Returns:
        Integers as float64, (O, n): times `step` they stand for the weights.
    """
    n = len(moment)
    # The largest first, while there are others to make up for them; the bias can always.
    order = torch.argsort(moment.diag()[:-1], descending=True, stable=True)
    order = torch.cat([order, torch.tensor([n - 1])])
    size = moment.diag().sqrt()[order]
    size[size == 0] = 1.0  # an input that was never seen
    correlation = moment[order][:, order] / torch.outer(size, size)
    correlation.fill_diagonal_(1 + DAMPING)
    factor = torch.linalg.cholesky(torch.linalg.inv(correlation)).T / size
    left = weights[:, order] / step[:, None]
    rounded = torch.empty_like(left)
    for j in range(n):
        rounded[:, j] = left[:, j].round()
        error = (left[:, j] - rounded[:, j]) / factor[j, j]
        left[:, j:] -= torch.outer(error, factor[j, j:])
    result = torch.empty_like(rounded)
    result[:, order] = rounded
    return result
