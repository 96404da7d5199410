"""Float network -> integer network: one grid for activations, weights as fine as 2^24 allows.

An activation x becomes the integer rne(x 2^e), clipped to MARGIN times the largest that its channel
has on the calibration photographs. Each filter takes the finest power-of-two grid at which its L1
norm times the largest inputs stays within 2^24, and its weights are rounded in turn, so that later
ones make up for what earlier ones lost. docs/integer.md has the derivation and the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from l3c.integer.convolution import CARRIER_BITS, IntegerConvolution, largest_sum
from l3c.integer.network import IntegerNetwork, parameter_grids
from l3c.nn.layers import Conv, Units, replaced
from l3c.nn.pyramid import Decoder

EXPONENTS = (10, 11, 12)  # e: a finer grid of activations leaves coarser ones of weights
MARGIN = 2.0  # photographs differ: activations may be twice those of the calibration
WEIGHT_LIMIT = (1 << 15) - 1


Statistics = dict[str, tuple[Tensor, Tensor]]
"""What each convolution, by its name, gets and gives on photographs, in double precision: the sum
over positions of x x^T, (I k k + 1, I k k + 1), for the values x under a kernel with a 1 for the
bias; and the largest of the absolute values that it gives, the residual included, (O,)."""


@torch.no_grad()
def conversions(network: Decoder, photographs: Sequence[list[Tensor]]) -> Iterator[IntegerNetwork]:
    """The integers of a trained network on each of the grids, checked.

    Args:
        network: on the CPU, in evaluation mode.
        photographs: symbols of each, see `Decoder`. They should not be those that are measured.

    Raises:
        BoundError: what a filter adds to its residual exceeds the bound, whatever its own grid.
        ValueError: the network is not finite on them.
    """
    statistics = calibrate(network, photographs)
    for exponent in EXPONENTS:
        integers = IntegerNetwork(network)
        _fill(integers, network, statistics, 2.0**exponent)
        integers.check()
        yield integers


def calibrate(network: Decoder, photographs: Sequence[list[Tensor]]) -> Statistics:
    """Of all convolutions that a decoder runs; see `conversions`."""
    found: Statistics = {}

    def forward(name: str, convolution: Conv, x: Tensor, residual: Tensor | None = None) -> Tensor:
        y = Conv.forward(convolution, x, residual)
        how = convolution.dilation, convolution.padding
        columns = functional.unfold(x, convolution.kernel_size, *how)[0].double()  # type: ignore[arg-type]
        columns = torch.cat([columns, torch.ones_like(columns[:1])])
        moment, largest = columns @ columns.T, y.abs().amax((0, 2, 3)).double()
        if name in found:
            moment, largest = found[name][0] + moment, found[name][1].maximum(largest)
        found[name] = moment, largest
        return y

    with replaced(network, Conv, forward):
        for symbols in photographs:
            for _ in network.predictions(symbols):
                pass
    checked = [*network.parameters(), *(moment for moment, _ in found.values())]
    if not all(bool(each.isfinite().all()) for each in checked):
        raise ValueError("weights or activations are not finite: the network cannot be converted")
    return found


def _fill(integers: IntegerNetwork, network: Decoder, statistics: Statistics, scale: float) -> None:
    """Fills all convolutions, for activations on a grid of 1 / `scale`.

    Grids are pairs: the integers rne(scale value + zero) represent a tensor, float64 (C,) each.
    """
    heads = {f"predictors.{step.predictor}.head": step for step in network.steps}
    activations = torch.tensor([scale]).double(), torch.zeros(1).double()
    left = dict(statistics)

    def fill(name: str, target: IntegerConvolution, inputs: Tensor, _: Tensor | None) -> None:
        if name not in left:  # filled already, of a network that serves all scales
            return
        moment, largest = left.pop(name)
        source = network.get_submodule(name)
        assert isinstance(source, Conv)
        assert source.bias is not None
        sizes = torch.full((len(moment),), scale).double()
        sizes[-1] = 1
        moment = moment * torch.outer(sizes, sizes)
        by, less = times, plus = activations  # of what it gets, and of what it gives
        if name in heads:
            by, less = _symbols(network, heads[name].source_scale)
            # All are as likely as another: nothing is known that rounding could make use of.
            moment = torch.diag(torch.cat([inputs[1].double() ** 2, torch.ones(1)]))
        high = (MARGIN * largest * scale).ceil().clamp(1, 1 << (CARRIER_BITS - 2))
        low = torch.zeros_like(high) if source.relu else -high
        if name.startswith("classifiers") and name.endswith("out"):
            units = network.get_submodule(name.removesuffix("out") + "units")
            assert isinstance(units, Units)
            bits, least, high = map(torch.from_numpy, parameter_grids(units.shape))
            times, plus, lowest = (
                values.flatten().double() * torch.exp2(bits.double())
                for values in (units.scale, units.shift, units.low)
            )
            low = least.maximum(lowest.round().long())
        target.low.copy_(low)
        target.high.copy_(high)
        weight = source.weight.double() * times[:, None, None, None] / by[:, None, None]
        bias = source.bias.double() * times + plus
        bias -= (weight * less[:, None, None]).sum((1, 2, 3))
        _round(target, weight, bias, inputs, moment)

    integers.over_bounds(fill)


def _symbols(network: Decoder, s: int) -> tuple[Tensor, Tensor]:
    """The grid on which 2 symbol - (L - 1) represents what the float network takes for a symbol."""
    shape = network.shapes[s]
    ends = torch.tensor([0, shape.levels - 1]).view(1, 1, 1, 2).expand(1, shape.channels, 1, 2)
    first, last = network.values(s, ends)[0, :, 0].double().T
    scale = 2 * (shape.levels - 1) / (last - first)
    return scale, -(first + last) / 2 * scale


def _round(
    target: IntegerConvolution, weight: Tensor, bias: Tensor, bounds: Tensor, moment: Tensor
) -> None:
    """Weights, biases and shifts: the largest shift that fits, weights rounded in turn.

    Args:
        target: to fill.
        weight: float64 (O, I, k, k), of the integers that it gets and gives.
        bias: float64 (O,).
        bounds: of what it gets, int64 (2, I).
        moment: as in `Statistics`, of the integers that it gets.
    """
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
