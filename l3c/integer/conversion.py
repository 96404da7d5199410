"""Float network -> integer network: one grid for activations, weights as fine as 2^24 allows.

An activation x becomes the integer rne(x 2^e), clipped to MARGIN times the largest that its channel
has on the calibration photographs. Each filter takes the finest power-of-two grid at which its L1
norm times the largest inputs stays within 2^24, and its weights are rounded in turn, so that later
ones make up for what earlier ones lost. docs/integer.md has the derivation and the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from l3c.integer.convolution import CARRIER_BITS, IntegerConvolution, largest_sum
from l3c.integer.network import IntegerNetwork, parameter_grids
from l3c.nn.layers import Conv, Function, Units
from l3c.nn.pyramid import CodingStep, PyramidNetwork

EXPONENTS = (10, 11, 12)  # e: a finer grid of activations leaves coarser ones of weights
MARGIN = 2.0  # photographs differ: activations may be twice those of the calibration
WEIGHT_LIMIT = (1 << 15) - 1


class Statistics:
    """What a convolution gets and gives on photographs, in double precision; zeros at first.

    Attributes:
        moment: sum over positions of x x^T, (I k k + 1, I k k + 1), for the values x under a kernel
            with a 1 for the bias.
        largest: of the absolute values that it gives, the residual included, by channel (O,).
    """

    def __init__(self, convolution: Conv) -> None:
        terms = convolution.weight[0].numel() + 1
        self.moment = torch.zeros(terms, terms).double()
        self.largest = torch.zeros(convolution.out_channels).double()


@dataclass(frozen=True)
class Grid:
    """Which integers represent a tensor: rne(scale value + zero).

    Attributes:
        scale, zero: float64 (C,).
    """

    scale: Tensor
    zero: Tensor


def conversions(
    network: PyramidNetwork, images: Sequence[npt.NDArray[np.uint8]]
) -> Iterator[IntegerNetwork]:
    """The integers of a trained network on each of the grids, checked.

    Args:
        network: on the CPU.
        images: photographs to calibrate on, uint8 (H, W, 3); sides are cut to multiples of 2^S. A
            dozen of 128x128 are enough. They should not be those that are measured.

    Raises:
        BoundError: what a filter adds to its residual exceeds the bound, whatever its own grid.
        ValueError: no image is large enough, or the network is not finite on them.
    """
    network = network.eval()
    statistics = calibrate(network, images)
    for exponent in EXPONENTS:
        integers = IntegerNetwork(network)
        _fill(integers, network, statistics, 2.0**exponent)
        integers.check()
        yield integers


def _fill(
    integers: IntegerNetwork,
    network: PyramidNetwork,
    statistics: Mapping[str, Statistics],
    scale: float,
) -> None:
    """Fills all convolutions, for activations on a grid of 1 / `scale`."""
    sources = {name: each for name, each in network.named_modules() if isinstance(each, Conv)}
    units = {name: each for name, each in network.named_modules() if isinstance(each, Units)}
    heads = {f"predictors.{step.predictor}.head": step for step in network.steps}
    filled = set[str]()

    def activations(channels: int) -> Grid:
        return Grid(torch.full((channels,), scale).double(), torch.zeros(channels).double())

    def fill(name: str, target: IntegerConvolution, inputs: Tensor, _: Tensor | None) -> None:
        if name in filled:  # a network that serves all scales
            return
        filled.add(name)
        source, known = sources[name], statistics[name]
        grid, output = activations(source.in_channels), activations(source.out_channels)
        sizes = torch.full((len(known.moment),), scale).double()
        sizes[-1] = 1
        moment = known.moment * torch.outer(sizes, sizes)
        if name in heads:
            grid = _symbols(network, heads[name])
            # All are as likely as another: nothing is known that rounding could make use of.
            moment = torch.diag(torch.cat([inputs[1].double() ** 2, torch.ones(1)]))
        high = (MARGIN * known.largest * scale).ceil().clamp(1, 1 << (CARRIER_BITS - 2))
        bounds = torch.stack([torch.zeros_like(high) if source.relu else -high, high]).long()
        if of_mixture := units.get(name.removesuffix("out") + "units"):
            output, bounds = _parameters(of_mixture)
        target.low.copy_(bounds[0])
        target.high.copy_(bounds[1])
        _round(target, source, grid, inputs, output, moment)

    integers.over_bounds(fill)


@torch.no_grad()
def calibrate(
    network: PyramidNetwork, images: Sequence[npt.NDArray[np.uint8]]
) -> dict[str, Statistics]:
    """Statistics of the decoder's convolutions by their names; see `conversions`."""
    if not all(bool(weight.isfinite().all()) for weight in network.parameters()):
        raise ValueError("the network's weights are not finite: it cannot be converted")
    statistics: dict[str, Statistics] = {}

    def tapped(name: str, convolution: Conv) -> nn.Module:
        known = statistics[name] = Statistics(convolution)

        def forward(x: Tensor, residual: Tensor | None = None) -> Tensor:
            y: Tensor = convolution(x, residual)
            known.largest = known.largest.maximum(y.abs().amax((0, 2, 3)))
            how = convolution.dilation, convolution.padding
            columns = functional.unfold(x, convolution.kernel_size, *how)[0].double()  # type: ignore[arg-type]
            columns = torch.cat([columns, torch.ones_like(columns[:1])])
            known.moment += columns @ columns.T
            return y

        return Function(forward)

    decoder, multiple, count = network.with_modules({Conv: tapped}), 1 << network.scales, 0
    for image in images:
        height, width = (side // multiple * multiple for side in image.shape[:2])
        if height and width:
            x = torch.from_numpy(image[:height, :width].transpose(2, 0, 1)[None].copy())
            pyramid = [network.values(0, x), *(z.values for z in network.bottlenecks(x))]
            count += len([*decoder.predictions(pyramid)])
    if not count:
        raise ValueError(f"no image with {multiple} pixels a side to calibrate on")
    if not all(bool(known.moment.isfinite().all()) for known in statistics.values()):
        raise ValueError("the network's activations are not finite: it cannot be converted")
    return statistics


def _symbols(network: PyramidNetwork, step: CodingStep) -> Grid:
    """How 2 symbol - (L - 1) represents what the float network takes for a symbol."""
    shape = network.shape(step.source_scale)
    ends = torch.tensor([0, shape.levels - 1]).view(1, 1, 1, 2).expand(1, shape.channels, 1, 2)
    first, last = network.values(step.source_scale, ends)[0, :, 0].double().T
    scale = 2 * (shape.levels - 1) / (last - first)
    return Grid(scale, -(first + last) / 2 * scale)


def _parameters(units: Units) -> tuple[Grid, Tensor]:
    """The coder's grids, for the network's own units, and their bounds."""
    bits, low, high = map(torch.from_numpy, parameter_grids(units.shape))
    scale, shift, least = (
        values.flatten().double() * torch.exp2(bits.double())
        for values in (units.scale, units.shift, units.low)
    )
    return Grid(scale, shift), torch.stack([low.maximum(least.round().long()), high])


@torch.no_grad()
def _round(
    target: IntegerConvolution,
    source: Conv,
    inputs: Grid,
    bounds: Tensor,
    output: Grid,
    moment: Tensor,
) -> None:
    """Weights, biases and shifts: the largest shift that fits, weights rounded in turn.

    Args:
        target: to fill.
        source: in floating point.
        inputs: grid of what it gets.
        bounds: of what it gets, int64 (2, I).
        output: grid of what it gives.
        moment: as in `Statistics`, of the integers that it gets.
    """
    assert source.bias is not None
    weight = source.weight.double() * output.scale[:, None, None, None]
    weight = weight / inputs.scale[:, None, None]
    bias = source.bias.double() * output.scale + output.zero
    bias -= (weight * inputs.zero[:, None, None]).sum((1, 2, 3))
    flat = torch.cat([weight.flatten(1), bias[:, None]], dim=1)
    magnitude = bounds.abs().amax(0)
    sums = (weight.abs() * magnitude[:, None, None]).sum((1, 2, 3)) + bias.abs()
    fits = (CARRIER_BITS - sums.log2()).minimum(
        (WEIGHT_LIMIT / weight.abs().amax((1, 2, 3))).log2()
    )
    shift = fits.floor().clamp(-CARRIER_BITS, CARRIER_BITS)
    rounded = round_filters(flat, moment, torch.exp2(-shift))
    while True:
        integers, offsets = rounded[:, :-1].reshape(weight.shape).long(), rounded[:, -1].long()
        over = largest_sum(integers, offsets, bounds) > 1 << CARRIER_BITS
        over &= shift > -CARRIER_BITS
        if not over.any():
            break
        shift[over] -= 1  # rounding moved weights: a filter or two end beyond the bound
        rounded[over] = round_filters(flat[over], moment, torch.exp2(-shift[over]))
    for name, value in (("weight", integers), ("bias", offsets), ("shift", shift)):
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
