"""Float network -> integer path: grids from what errors cost, weights as fine as 2^24 allows.

An activation x of channel c becomes the integer rne(x 2^e), clipped to MARGIN times the largest on
the calibration photographs. Rounding costs about sensitivity / 24 * 4^-e nats; every channel gets
the e at which this is COST for a sub-pixel, so that channels that carry a mean to 1 in 2,000 have
fine grids and all others short integers. Each filter then takes the finest power-of-two grid at
which its L1 norm times the largest inputs stays within 2^24. docs/integer.md has the derivation and
the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from l3c.integer.calibration import Calibration, calibrate
from l3c.integer.convolution import (
    CARRIER_BITS,
    Bounds,
    IntegerConvolution,
)
from l3c.integer.grids import parameter_grids
from l3c.integer.path import IntegerBlock, IntegerClassifier, IntegerPath, IntegerPredictor
from l3c.integer.rounding import round_filters
from l3c.model.head import ProbabilityClassifier
from l3c.model.layers import ResidualBlock, members
from l3c.model.network import Network
from l3c.model.predictor import Predictor

COST = 1e-6  # nats for a sub-pixel that the rounding of one channel may cost
FINEST, COARSEST = 12, -4  # e
MARGIN = 2.0  # photographs differ: activations may be twice those of the calibration
WEIGHT_LIMIT = (1 << 15) - 1

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """How a tensor is represented: exponent e and clip of each channel, (C,)."""

    exponent: Reals
    bounds: Bounds

    def taken(self, function: Callable[..., Any], *arguments: Any) -> Grid:
        """Of other channels: a NumPy function of the values of each channel."""
        low, high = (function(side, *arguments) for side in (self.bounds.low, self.bounds.high))
        return Grid(function(self.exponent, *arguments), Bounds(low, high))


def convert(network: Network, images: Sequence[npt.NDArray[np.uint8]]) -> IntegerPath:
    """The integer path of a trained network, checked.

    Args:
        network: on the CPU.
        images: photographs to calibrate on, uint8 (H, W, 3); a dozen of 128x128 are enough. They
            should not be those that are measured.

    Raises:
        BoundError: what a filter adds to its residual exceeds the bound, whatever its own grid.
        ValueError: no image is large enough, or the network is not finite on them.
    """
    network = network.eval()
    statistics = calibrate(network, images)
    path = IntegerPath(network.settings, [network.shape(s) for s in range(network.scales + 1)])
    above: Grid | None = None
    for s in range(len(path.predictors), 0, -1):
        above = _Converter(network, s, statistics).fill(
            members(path.predictors, IntegerPredictor)[s - 1],
            members(path.classifiers, IntegerClassifier)[s - 1],
            above,
        )
    path.check()
    return path


class _Converter:
    """One predictor and its classifier."""

    def __init__(self, network: Network, s: int, statistics: Calibration) -> None:
        self.network, self.s = network, s
        self.predictor = members(network.predictors, Predictor)[s - 1]
        self.classifier = members(network.classifiers, ProbabilityClassifier)[s - 1]
        self.statistics = statistics

    def fill(
        self, predictor: IntegerPredictor, classifier: IntegerClassifier, above: Grid | None
    ) -> Grid:
        """Fills the integer counterparts.

        Args:
            predictor: D^(s).
            classifier: of z^(s-1).
            above: of f^(s+1).

        Returns:
            The grid of f^(s).
        """
        stream = _stream(self.predictor)
        exponent = above.exponent if above else self._exponent(stream)
        grids = [self._grid(convolution, exponent) for convolution in stream]

        self._fill_head(predictor.head, grids[0])
        theirs = members(self.predictor.stack.blocks, ResidualBlock)
        for i, block in enumerate(members(predictor.blocks, IntegerBlock)):
            second = theirs[i].conv2
            middle = self._grid(second, self._exponent([second]), positive=True)
            self._fill(block.conv1, theirs[i].conv1, grids[i], middle)
            self._fill(block.conv2, second, middle, grids[i + 1])
        self._fill(predictor.last, self.predictor.stack.last, grids[-2], grids[-1])
        f = self._features()
        self._fill(predictor.up, self.predictor.up.conv, grids[-1], f.taken(np.repeat, 4))

        out = self.classifier.out
        b = self._grid(out, self._exponent([out]))
        branches = members(classifier.branches, IntegerConvolution)
        features = len(b.exponent) // len(branches)
        for i, source in enumerate(members(self.classifier.branches, nn.Conv2d)):
            part = b.taken(np.take, range(i * features, (i + 1) * features))
            self._fill(branches[i], source, f, part)
        self._fill_out(classifier.out, b)
        return f

    def _features(self) -> Grid:
        """Of f^(s), which shares its exponents with the residual stream of the next scale."""
        branch = members(self.classifier.branches, nn.Conv2d)[0]
        users = [branch]
        if self.s > 1 and len(self.network.predictors) > 1:
            users += _stream(members(self.network.predictors, Predictor)[self.s - 2])
        return self._grid(branch, self._exponent(users))

    def _exponent(self, convolutions: Sequence[nn.Conv2d]) -> Reals:
        """E of the inputs of some convolutions, which share it."""
        inputs = [self.statistics.inputs[convolution] for convolution in convolutions]
        sensitivity = np.sum([each.sensitivity for each in inputs], axis=0)
        cost = 24 * COST * self.statistics.subpixels
        with np.errstate(divide="ignore"):
            return np.rint(np.log2(sensitivity / cost) / 2).clip(COARSEST, FINEST)

    def _grid(self, convolution: nn.Conv2d, exponent: Reals, positive: bool = False) -> Grid:
        """Of the inputs of a convolution."""
        largest = self.statistics.inputs[convolution].largest
        top = np.ceil(np.ldexp(MARGIN * largest, exponent.astype(int)))
        high = top.clip(1, 1 << (CARRIER_BITS - 2)).astype(np.int64)
        return Grid(exponent, Bounds(np.zeros_like(high) if positive else -high, high))

    def _fill_head(self, target: IntegerConvolution, output: Grid) -> None:
        """Folds in how the float network is fed: its value is gain v + offset for the integer v."""
        network, s, head = self.network, self.s, self.predictor.head
        levels, channels = network.shape(s).levels, network.shape(s).channels
        ends = torch.tensor([0, levels - 1]).view(2, 1, 1, 1).expand(2, channels, 1, 1)
        first, last = network.values(ends)[:, :, 0, 0].double().numpy()
        gain, offset = (last - first) / (2 * (levels - 1)), (first + last) / 2
        weight, bias = _reals(head)
        scale = np.exp2(output.exponent)
        bias = (bias + weight[:, :, 0, 0] @ offset) * scale
        weight = weight * gain[None, :, None, None] * scale[:, None, None, None]
        top = np.full(channels, levels - 1, np.int64)
        # All inputs are as likely as another: nothing is known that rounding could make use of.
        moment = np.diag(np.append(top.astype(float) ** 2, 1.0))
        _fill(target, weight, bias, Bounds(-top, top), output.bounds, moment)

    def _fill(
        self, target: IntegerConvolution, source: nn.Conv2d, inputs: Grid, output: Grid
    ) -> None:
        weight, bias = _reals(source)
        scale = np.exp2(output.exponent)
        bias = bias * scale
        weight = weight * scale[:, None, None, None] / np.exp2(inputs.exponent)[None, :, None, None]
        moment = self._moment(source, inputs)
        _fill(target, weight, bias, inputs.bounds, output.bounds, moment)

    def _fill_out(self, target: IntegerConvolution, inputs: Grid) -> None:
        """To the coder's grids, with the units of the classifier folded in."""
        source, unit, offset = (
            self.classifier.out,
            self.classifier.unit.flatten().double().numpy(),
            self.classifier.offset.flatten().double().numpy(),
        )
        bits, low, high = parameter_grids(self.classifier.shape)
        weight, bias = _reals(source)
        scale = np.exp2(bits)
        bias = (bias * unit + offset) * scale
        weight = weight * (unit * scale)[:, None, None, None]
        weight = weight / np.exp2(inputs.exponent)[None, :, None, None]
        moment = self._moment(source, inputs)
        _fill(target, weight, bias, inputs.bounds, Bounds(low, high), moment)

    def _moment(self, source: nn.Conv2d, inputs: Grid) -> Reals:
        """Of integer inputs, from that of the real ones."""
        places = source.kernel_size[0] * source.kernel_size[1]
        scale = np.append(np.exp2(inputs.exponent).repeat(places), 1.0)
        return self.statistics.inputs[source].moment * np.outer(scale, scale)


def _stream(predictor: Predictor) -> list[nn.Conv2d]:
    """The convolutions whose inputs are the residual stream: x_0, x_1, ..., y."""
    blocks = members(predictor.stack.blocks, ResidualBlock)
    return [*(block.conv1 for block in blocks), predictor.stack.last, predictor.up.conv]


def _reals(convolution: nn.Conv2d) -> tuple[Reals, Reals]:
    assert convolution.bias is not None
    weight, bias = convolution.weight.detach(), convolution.bias.detach()
    return weight.double().numpy(), bias.double().numpy()


def _fill(
    target: IntegerConvolution,
    weight: Reals,
    bias: Reals,
    inputs: Bounds,
    output: Bounds,
    moment: Reals,
) -> None:
    """The integers of a convolution whose weights are in units of the output's grid."""
    flat = np.concatenate([weight.reshape(len(weight), -1), bias[:, None]], axis=1)
    sums = (np.abs(weight) * inputs.magnitude[None, :, None, None]).sum((1, 2, 3)) + np.abs(bias)
    widest = np.abs(weight).max(axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        shift = np.floor(
            np.minimum(CARRIER_BITS - np.log2(sums), np.log2(WEIGHT_LIMIT / widest))
        ).clip(-CARRIER_BITS, CARRIER_BITS)
    rounded = round_filters(flat, moment, np.exp2(-shift))
    while True:
        integers = rounded[:, :-1].reshape(weight.shape).astype(np.int64)
        offsets = rounded[:, -1].astype(np.int64)
        over = inputs.largest_sum(integers, offsets) > 1 << CARRIER_BITS
        over &= shift > -CARRIER_BITS
        if not over.any():
            break
        shift[over] -= 1  # rounding moved weights: a filter or two end beyond the bound
        rounded[over] = round_filters(flat[over], moment, np.exp2(-shift[over]))
    for buffer, values in (
        (target.weight, integers),
        (target.bias, offsets),
        (target.shift, shift),
        (target.low, output.low),
        (target.high, output.high),
    ):
        buffer.copy_(torch.from_numpy(values.astype(np.int32)))
