"""Probability classifier: f^(s) -> raw parameters of the logistic mixture of z^(s-1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coder.shape import MixtureShape
from l3c.model.layers import conv


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
    ) -> None:
        super().__init__()
        self.shape = shape
        self.gain = gain
        self.branches = nn.ModuleList(conv(features, features, dilation=d) for d in dilations)
        self.out = conv(features * len(dilations), shape.parameters, kernel=1)
        scale = torch.ones(shape.parameters)
        shift = torch.zeros(shape.parameters)
        means = slice(shape.channels * shape.mixtures, 2 * shape.channels * shape.mixtures)
        sigmas = slice(means.stop, means.stop + shape.channels * shape.mixtures)
        scale[: means.start] = gain
        scale[sigmas] = gain
        scale[means] = unit
        shift[means] = offset
        shift[sigmas] = torch.tensor(unit).log()
        self.register_buffer("unit", scale.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("offset", shift.view(1, -1, 1, 1), persistent=False)

    def forward(self, f: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, P, H, W), see the class."""
        raw = self.out(torch.cat([branch(f) for branch in self.branches], dim=1))
        return raw * self.unit + self.offset
