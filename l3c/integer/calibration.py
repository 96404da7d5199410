"""What a float network does on photographs: the sizes of its activations, and what they matter.

Every number that the integer network rounds is the input of some convolution, or is added to its
result, so that all statistics are taken there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from l3c.nn.layers import Conv
from l3c.nn.mixture import negative_log_likelihood, sample
from l3c.nn.pyramid import PyramidNetwork

LOG_SIGMA_FLOOR = math.log(0.3)  # in symbols


@dataclass
class Inputs:
    """Statistics of the inputs of one convolution, in double precision.

    Attributes:
        largest: of the absolute values, by channel (I,).
        largest_residual: the same of what is added to the result (O,); zeros if nothing is.
        sensitivity: sum over positions of the squared derivative of the code length in nats, by
            channel (I,): an error of variance v in channel i costs about v sensitivity[i] / 2 nats.
        moment: sum over positions of x x^T (I k k + 1, I k k + 1), for the values x under a kernel
            with a 1 for the bias.
    """

    largest: Tensor
    largest_residual: Tensor
    sensitivity: Tensor
    moment: Tensor


@dataclass
class Calibration:
    """Statistics by convolution, and of how many sub-pixels of photographs they are."""

    inputs: dict[nn.Module, Inputs] = field(default_factory=dict)
    subpixels: int = 0


def calibrate(network: PyramidNetwork, images: Sequence[npt.NDArray[np.uint8]]) -> Calibration:
    """Runs a network over photographs, forward and back.

    Args:
        network: on the CPU.
        images: uint8 (H, W, 3); sides are cut to multiples of 2^S.

    Raises:
        ValueError: no image of at least 2^S pixels a side, or weights or activations that are not
            finite.
    """
    if not all(bool(weight.isfinite().all()) for weight in network.parameters()):
        raise ValueError("the network's weights are not finite: it cannot be converted")
    result, multiple = Calibration(), 1 << network.scales
    generator = torch.Generator().manual_seed(0)
    for image in images:
        height, width = (side // multiple * multiple for side in image.shape[:2])
        if not height or not width:
            continue
        batch = torch.from_numpy(image[:height, :width].transpose(2, 0, 1)[None].copy())
        with torch.enable_grad(), _taps(network, result) as activations:
            _nats_of_samples(network, batch, generator).backward()
        for convolution, x in activations:
            if x.grad is not None:
                result.inputs[convolution].sensitivity += x.grad.double().square().sum((0, 2, 3))
        network.zero_grad(set_to_none=True)
        result.subpixels += batch.numel()
    if not result.subpixels:
        raise ValueError(f"no image with {multiple} pixels a side to calibrate on")
    for inputs in result.inputs.values():
        if not (inputs.moment.isfinite().all() and inputs.sensitivity.isfinite().all()):
            raise ValueError("the network's activations are not finite: it cannot be converted")
    return result


def _nats_of_samples(network: PyramidNetwork, batch: Tensor, generator: torch.Generator) -> Tensor:
    """The code length of symbols that are drawn from the mixtures the network predicts.

    The expected square of its derivative is the Fisher information. That of the true symbols would
    be 0 where they are predicted to certainty, and let such means be rounded to wrong symbols. For
    the same reason no sigma counts as less than exp(LOG_SIGMA_FLOOR).
    """
    with torch.no_grad():
        pyramid = network.bottlenecks(batch)
    values = [network.values(0, batch), *(bottleneck.values for bottleneck in pyramid)]
    nats = torch.zeros(())
    for s, _, params in network.predictions(values):
        mixture, levels = network.split(s, params), network.shape(s).levels
        mixture = mixture._replace(log_sigma=mixture.log_sigma.clamp(min=LOG_SIGMA_FLOOR))
        with torch.no_grad():
            drawn = sample(mixture, levels, generator).float()
        nats = nats + negative_log_likelihood(drawn, mixture, levels).sum()
    return nats


@contextmanager
def _taps(network: PyramidNetwork, result: Calibration) -> Iterator[list[tuple[nn.Module, Tensor]]]:
    """Adds to the statistics as the decoder runs; gives the inputs, for their gradients."""
    seen: list[tuple[nn.Module, Tensor]] = []

    def before(module: nn.Module, arguments: tuple[Tensor | None, ...]) -> None:
        x, residual = (*arguments, None)[:2]
        assert isinstance(module, Conv)
        assert x is not None
        if x.requires_grad:
            x.retain_grad()
        seen.append((module, x))
        _add_values(module, x.detach(), residual, result)

    parts = nn.ModuleList([network.predictors, network.classifiers])
    hooks = [
        module.register_forward_pre_hook(before)
        for module in parts.modules()
        if isinstance(module, Conv)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _add_values(convolution: Conv, x: Tensor, residual: Tensor | None, result: Calibration) -> None:
    columns = functional.unfold(
        x,
        convolution.kernel_size,
        dilation=convolution.dilation,
        padding=convolution.padding,  # type: ignore[arg-type]
    )[0].double()
    columns = torch.cat([columns, torch.ones_like(columns[:1])])
    moment = columns @ columns.T
    ins, outs = (
        columns.new_zeros(convolution.in_channels),
        columns.new_zeros(len(convolution.weight)),
    )
    start = Inputs(ins, outs, ins.clone(), torch.zeros_like(moment))
    known = result.inputs.setdefault(convolution, start)
    known.moment += moment
    known.largest = known.largest.maximum(x.abs().amax((0, 2, 3)))
    if residual is not None:
        largest = residual.detach().abs().amax((0, 2, 3))
        known.largest_residual = known.largest_residual.maximum(largest)
