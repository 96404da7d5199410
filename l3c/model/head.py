"""Probability classifier: f^(s) -> raw parameters of the logistic mixture of z^(s-1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coder.shape import MixtureShape
from coder.tables import parameter_grids
from l3c.model.layers import conv
from l3c.model.mixture import limit

LAMBDA_GAIN = 10.0  # of the outputs for centred lambdas


class ProbabilityClassifier(nn.Module):
    """Parallel dilated convolutions, concatenated, then 1x1 to the mixture parameters.

    The output, (N, P, H, W), holds the parameters in the order of `MixtureShape`, in units of
    symbols, within the coder's limits.

    Args:
        features: Cf.
        dilations: of the parallel convolutions.
        shape: what the mixture describes.
        unit: the network's own unit of mu and sigma in symbols.
        offset: the symbol that the network's mu = 0 stands for.
        gain: factor on the logits and log sigma.
        sigma_min: lower limit of log sigma, at least the coder's.
        centred: lambda multiplies what a channel before is off its own mean, not its value. That is
            the same family (Eq. 7 with mu2 - lambda mu1 for mu2), but here lambda can change from
            pixel to pixel without moving the mean.
    """

    unit: Tensor
    offset: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self,
        features: int,
        dilations: tuple[int, ...],
        shape: MixtureShape,
        unit: float,
        offset: float,
        gain: float,
        sigma_min: float,
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
        bits, *limits = (torch.from_numpy(values) for values in parameter_grids(shape))
        low, high = (torch.ldexp(limit.float(), -bits) for limit in limits)
        low[sigmas] = low[sigmas].clamp(min=sigma_min)
        for name, values in (("unit", scale), ("offset", shift), ("low", low), ("high", high)):
            self.register_buffer(name, values.view(1, -1, 1, 1), persistent=False)

    def forward(self, f: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, P, H, W), see the class."""
        raw = self.out(torch.cat([branch(f) for branch in self.branches], dim=1))
        parameters = raw * self.unit + self.offset
        if self.centred:
            parameters = self._uncentred(parameters)
        return limit(parameters, self.low, self.high)

    def _uncentred(self, parameters: Tensor) -> Tensor:
        sizes = [size * self.shape.mixtures for size in (3, 1, 1, 1, 3, 1, 1, 1)]
        logits, r, g, b, log_sigma, g_r, b_r, b_g = parameters.split(sizes, dim=1)
        return torch.cat(
            [logits, r, g - g_r * r, b - b_r * r - b_g * g, log_sigma, g_r, b_r, b_g], dim=1
        )
