"""Probability classifier: f^(s) -> raw parameters of the logistic mixture of z^(s-1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coder.shape import MixtureShape
from l3c.model.layers import conv

LAMBDA_GAIN = 10.0  # of the outputs for centred lambdas


class ProbabilityClassifier(nn.Module):
    """Parallel dilated convolutions, concatenated, then 1x1 to the mixture parameters.

    The output, (N, P, H, W), holds the parameters in the order of `MixtureShape`, in units of
    symbols.

    Args:
        features: Cf.
        dilations: of the parallel convolutions.
        shape: what the mixture describes.
        unit: the network's own unit of mu and sigma in symbols.
        offset: the symbol that the network's mu = 0 stands for.
        gain: factor on the logits and log sigma.
        centred: lambda multiplies what a channel before is off its own mean, not its value. That is
            the same family (Eq. 7 with mu2 - lambda mu1 for mu2), but here lambda can change from
            pixel to pixel without moving the mean.
    """

    unit: Tensor
    offset: Tensor

    def __init__(
        self,
        features: int,
        dilations: tuple[int, ...],
        shape: MixtureShape,
        unit: float,
        offset: float,
        gain: float,
        centred: bool,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.gain = gain
        self.centred = centred and shape.coupled
        self.branches = nn.ModuleList(conv(features, features, dilation=d) for d in dilations)
        self.out = conv(features * len(dilations), shape.parameters, kernel=1)
        scale = torch.ones(shape.parameters)
        shift = torch.zeros(shape.parameters)
        means = slice(shape.channels * shape.mixtures, 2 * shape.channels * shape.mixtures)
        sigmas = slice(means.stop, means.stop + shape.channels * shape.mixtures)
        scale[: means.start] = gain
        scale[sigmas] = gain
        scale[sigmas.stop :] = LAMBDA_GAIN if self.centred else 1.0
        scale[means] = unit
        shift[means] = offset
        shift[sigmas] = torch.tensor(unit).log()
        self.register_buffer("unit", scale.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("offset", shift.view(1, -1, 1, 1), persistent=False)

    def forward(self, f: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, P, H, W), see the class."""
        raw = self.out(torch.cat([branch(f) for branch in self.branches], dim=1))
        parameters = raw * self.unit + self.offset
        if not self.centred:
            return parameters
        sizes = [size * self.shape.mixtures for size in (3, 1, 1, 1, 3, 1, 1, 1)]
        logits, r, g, b, log_sigma, g_r, b_r, b_g = parameters.split(sizes, dim=1)
        return torch.cat(
            [logits, r, g - g_r * r, b - b_r * r - b_g * g, log_sigma, g_r, b_r, b_g], dim=1
        )
