"""Statistics of a float network on photographs: sizes of activations, and how much they matter.

Every number that the integer network rounds is the input of some convolution, or is added to its
result, so that all statistics are taken there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from l3c.nn.layers import Conv, Function
from l3c.nn.mixture import negative_log_likelihood, sample
from l3c.nn.pyramid import Decoder, PyramidNetwork

LOG_SIGMA_FLOOR = math.log(0.3)  # in symbols


class Inputs:
    """Statistics of the inputs of one convolution, in double precision; zeros at first.

    Attributes:
        largest: of the absolute values, by channel (I,).
        largest_residual: the same of what is added to the result (O,); zeros if nothing is.
        sensitivity: squared derivative of the code length in nats, by channel (I,), summed over
            positions, for each sub-pixel: an error of variance v in channel i costs about
            v sensitivity[i] / 2 nats for a sub-pixel.
        moment: sum over positions of x x^T (I k k + 1, I k k + 1), for the values x under a kernel
            with a 1 for the bias.
    """

    def __init__(self, convolution: Conv) -> None:
        terms = convolution.weight[0].numel() + 1
        self.largest, self.sensitivity = torch.zeros(2, convolution.in_channels).double()
        self.largest_residual = torch.zeros(convolution.out_channels).double()
        self.moment = torch.zeros(terms, terms).double()


def calibrate(
    network: PyramidNetwork, images: Sequence[npt.NDArray[np.uint8]]
) -> dict[str, Inputs]:
    """Runs a network over photographs, forward and back.

    Args:
        network: on the CPU.
        images: uint8 (H, W, 3); sides are cut to multiples of 2^S.

    Returns:
        Statistics of the decoder's convolutions by their names.

    Raises:
        ValueError: no image of at least 2^S pixels a side, or weights or activations that are not
            finite.
    """
    if not all(bool(weight.isfinite().all()) for weight in network.parameters()):
        raise ValueError("the network's weights are not finite: it cannot be converted")
    statistics: dict[str, Inputs] = {}
    inputs: list[tuple[Inputs, Tensor]] = []  # of one image

    def tapped(name: str, convolution: Conv) -> nn.Module:
        known = statistics[name] = Inputs(convolution)

        def forward(x: Tensor, residual: Tensor | None = None) -> Tensor:
            if x.requires_grad:
                x.retain_grad()
            inputs.append((known, x))
            _add_values(known, convolution, x.detach(), residual)
            y: Tensor = convolution(x, residual)
            return y

        return Function(forward)

    decoder, multiple, subpixels = network.with_modules({Conv: tapped}), 1 << network.scales, 0
    generator = torch.Generator().manual_seed(0)
    for image in images:
        height, width = (side // multiple * multiple for side in image.shape[:2])
        if not height or not width:
            continue
        batch = torch.from_numpy(image[:height, :width].transpose(2, 0, 1)[None].copy())
        inputs.clear()
        with torch.enable_grad():
            _nats_of_samples(network, decoder, batch, generator).backward()
        for known, x in inputs:
            if x.grad is not None:
                known.sensitivity += x.grad.double().square().sum((0, 2, 3))
        network.zero_grad(set_to_none=True)
        subpixels += batch.numel()
    if not subpixels:
        raise ValueError(f"no image with {multiple} pixels a side to calibrate on")
    for known in statistics.values():
        known.sensitivity /= subpixels
        if not (known.moment.isfinite().all() and known.sensitivity.isfinite().all()):
            raise ValueError("the network's activations are not finite: it cannot be converted")
    return statistics


def _nats_of_samples(
    network: PyramidNetwork, decoder: Decoder, batch: Tensor, generator: torch.Generator
) -> Tensor:
    """The code length of symbols that are drawn from the mixtures the network predicts.

    The expected square of its derivative is the Fisher information. That of the true symbols would
    be 0 where they are predicted to certainty, and let such means be rounded to wrong symbols. For
    the same reason no sigma counts as less than exp(LOG_SIGMA_FLOOR).
    """
    with torch.no_grad():
        pyramid = network.bottlenecks(batch)
    values = [network.values(0, batch), *(bottleneck.values for bottleneck in pyramid)]
    nats = torch.zeros(())
    for s, _, params in decoder.predictions(values):
        mixture, levels = network.split(s, params), network.shape(s).levels
        mixture = mixture._replace(log_sigma=mixture.log_sigma.clamp(min=LOG_SIGMA_FLOOR))
        with torch.no_grad():
            drawn = sample(mixture, levels, generator).float()
        nats = nats + negative_log_likelihood(drawn, mixture, levels).sum()
    return nats


def _add_values(known: Inputs, convolution: Conv, x: Tensor, residual: Tensor | None) -> None:
    columns = functional.unfold(
        x,
        convolution.kernel_size,
        dilation=convolution.dilation,
        padding=convolution.padding,  # type: ignore[arg-type]
    )[0].double()
    columns = torch.cat([columns, torch.ones_like(columns[:1])])
    known.moment += columns @ columns.T
    known.largest = known.largest.maximum(x.abs().amax((0, 2, 3)))
    if residual is not None:
        largest = residual.detach().abs().amax((0, 2, 3))
        known.largest_residual = known.largest_residual.maximum(largest)
