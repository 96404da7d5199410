"""Float network -> integer network: grids from what errors cost, weights as fine as 2^24 allows.

An activation x of channel c becomes the integer rne(x 2^e), clipped to MARGIN times the largest on
the calibration photographs. Rounding costs about sensitivity / 24 * 4^-e nats; every channel gets
the e at which this is COST for a sub-pixel, so that channels that carry a mean to 1 in 2,000 have
fine grids and all others short integers. Each filter then takes the finest power-of-two grid at
which its L1 norm times the largest inputs stays within 2^24. docs/integer.md has the derivation and
the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from l3c.integer.network import IntegerBlock, IntegerClassifier, IntegerNetwork, IntegerPredictor
from l3c.integer.rounding import round_filters
from l3c.nn.layers import Predictor, ProbabilityClassifier, ResidualBlock, members
from l3c.nn.pyramid import PyramidNetwork
from l3c.nn.steps import CodingStep

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
    statistics = calibrate(network, images)
    integers = IntegerNetwork(network)
    coarser: Grid | None = None
    owners = integers.owners()
    for step in integers.steps:
        if step in owners:
            coarser = _Converter(network, step, statistics).fill(integers, coarser)
    integers.check()
    return integers


class _Converter:
    """The predictor and the classifiers of a step."""

    def __init__(self, network: PyramidNetwork, step: CodingStep, statistics: Calibration) -> None:
        self.network, self.step = network, step
        self.predictor = members(network.predictors, Predictor)[step.predictor]
        self.statistics = statistics

    def fill(self, integers: IntegerNetwork, coarser: Grid | None) -> Grid | None:
        """Fills the integer counterparts.

        Args:
            integers: to fill.
            coarser: of the features that the step before passes on.

        Returns:
            The grid of the features that this step passes on, if it does.
        """
        predictor = members(integers.predictors, IntegerPredictor)[self.step.predictor]
        stream = self._stream(self.step)
        up = self.predictor.up
        before = up is not None and self.predictor.upsample == "before"
        exponent = coarser.exponent if coarser and not before else self._stream_exponent()
        grids = [self._grid(convolution, exponent) for convolution in stream]
        if up is not None and before:
            assert predictor.up is not None
            assert coarser is not None
            self._fill(predictor.up, up.conv, coarser, self._fused(grids[0]).taken(np.repeat, 4))

        self._fill_head(predictor.head, grids[0])
        theirs = members(self.predictor.stack.blocks, ResidualBlock)
        for i, block in enumerate(members(predictor.blocks, IntegerBlock)):
            second = theirs[i].conv2
            middle = self._grid(second, self._exponent([second]), positive=True)
            self._fill(block.conv1, theirs[i].conv1, grids[i], middle)
            self._fill(block.conv2, second, middle, grids[i + 1])
        self._fill(predictor.last, self.predictor.stack.last, grids[-2], grids[-1])
        f = grids[-1]
        if up is not None and not before:
            assert predictor.up is not None
            f = self._features()
            self._fill(predictor.up, up.conv, grids[-1], f.taken(np.repeat, 4))
        for index in self.step.classifiers:
            self._fill_classifier(members(integers.classifiers, IntegerClassifier)[index], index, f)
        return f if self.step.passes_features else None

    def _fill_classifier(self, target: IntegerClassifier, index: int, f: Grid) -> None:
        classifier = members(self.network.classifiers, ProbabilityClassifier)[index]
        b = self._grid(classifier.out, self._exponent([classifier.out]))
        branches = members(target.branches, IntegerConvolution)
        features = len(b.exponent) // len(branches)
        for i, source in enumerate(members(classifier.branches, nn.Conv2d)):
            part = b.taken(np.take, range(i * features, (i + 1) * features))
            self._fill(branches[i], source, f, part)
        self._fill_out(target.out, classifier, b)

    def _end(self, step: CodingStep) -> nn.Conv2d:
        """A convolution that sees the features of a step."""
        classifiers = members(self.network.classifiers, ProbabilityClassifier)
        return members(classifiers[step.classifiers[0]].branches, nn.Conv2d)[0]

    def _stream(self, step: CodingStep) -> list[nn.Conv2d]:
        """The convolutions whose inputs are the residual stream: x_0, x_1, ..., y."""
        predictor = members(self.network.predictors, Predictor)[step.predictor]
        blocks = members(predictor.stack.blocks, ResidualBlock)
        after = predictor.up is not None and predictor.upsample == "after"
        end = predictor.up.conv if predictor.up is not None and after else self._end(step)
        return [*(block.conv1 for block in blocks), predictor.stack.last, end]

    def _stream_exponent(self) -> Reals:
        """Of the residual stream, which all steps of a scale share."""
        steps = [step for step in self.network.steps if step.s == self.step.s]
        return self._exponent([use for step in steps for use in self._stream(step)])

    def _features(self) -> Grid:
        """Of f^(s), which shares its exponents with the residual stream of the next scale."""
        branch = self._end(self.step)
        users = [branch]
        if self.step.passes_features and self.step.s > 1:
            finer = self.network.steps[self.network.steps.index(self.step) + 1]
            users += self._stream(finer)
        return self._grid(branch, self._exponent(users))

    def _fused(self, start: Grid) -> Grid:
        """Of upsampled features, from the start of the stream, which is their sum with the head.

        They are at most as large as the start and the head together; the head sees values of at
        most 1, or of 255 where pixels are not scaled.
        """
        weight, bias = _reals(self.predictor.head)
        fed = np.abs(self._fed()).max(axis=1)
        head = np.abs(weight[:, :, 0, 0]) @ fed + np.abs(bias)
        top = np.ceil(start.bounds.magnitude + np.ldexp(head, start.exponent.astype(int)))
        high = top.clip(1, 1 << (CARRIER_BITS - 2)).astype(np.int64)
        return Grid(start.exponent, Bounds(-high, high))

    def _exponent(self, convolutions: Iterable[nn.Conv2d]) -> Reals:
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
        levels = self.network.input_shape(self.step).levels
        first, last = self._fed().T
        channels = len(first)
        gain, offset = (last - first) / (2 * (levels - 1)), (first + last) / 2
        weight, bias = _reals(self.predictor.head)
        scale = np.exp2(output.exponent)
        bias = (bias + weight[:, :, 0, 0] @ offset) * scale
        weight = weight * gain[None, :, None, None] * scale[:, None, None, None]
        top = np.full(channels, levels - 1, np.int64)
        # All inputs are as likely as another: nothing is known that rounding could make use of.
        moment = np.diag(np.append(top.astype(float) ** 2, 1.0))
        _fill(target, weight, bias, Bounds(-top, top), output.bounds, moment)

    def _fed(self) -> Reals:
        """What the head sees for the lowest and the highest symbol, (C, 2)."""
        shape = self.network.input_shape(self.step)
        ends = torch.tensor([0, shape.levels - 1]).view(1, 1, 1, 2).expand(1, shape.channels, 1, 2)
        return self.network.values(self.step.source_scale, ends)[0, :, 0].double().numpy()

    def _fill(
        self, target: IntegerConvolution, source: nn.Conv2d, inputs: Grid, output: Grid
    ) -> None:
        weight, bias = _reals(source)
        scale = np.exp2(output.exponent)
        bias = bias * scale
        weight = weight * scale[:, None, None, None] / np.exp2(inputs.exponent)[None, :, None, None]
        moment = self._moment(source, inputs)
        _fill(target, weight, bias, inputs.bounds, output.bounds, moment)

    def _fill_out(
        self, target: IntegerConvolution, classifier: ProbabilityClassifier, inputs: Grid
    ) -> None:
        """To the coder's grids, with the units of the classifier folded in."""
        source, unit, offset = (
            classifier.out,
            classifier.unit.flatten().double().numpy(),
            classifier.offset.flatten().double().numpy(),
        )
        bits, low, high = parameter_grids(classifier.shape)
        least = np.ldexp(classifier.low.flatten().double().numpy(), bits)
        low = np.maximum(low, np.rint(least).astype(np.int64))
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
