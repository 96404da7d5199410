"""Convolutional building blocks, predictor D and probability classifier (L3C Fig. 2)."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from coder.shape import MixtureShape
from l3c.nn.mixture import limit, limits
from l3c.nn.steps import Upsampling

M = TypeVar("M", bound=nn.Module)

LAMBDA_GAIN = 10.0  # of the outputs for centred lambdas


def members(modules: nn.Module, kind: type[M]) -> list[M]:
    """The modules of an nn.ModuleList, all of one class, with their type."""
    found = list(modules.children())
    if not all(isinstance(module, kind) for module in found):
        raise TypeError(f"expected {kind.__name__} only, got {found}")
    return found  # type: ignore[return-value]


def conv(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A convolution with bias and zero padding that keeps H and W (divided by `stride`)."""
    return nn.Conv2d(
        inputs, outputs, kernel, stride, padding=dilation * (kernel // 2), dilation=dilation
    )


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), no normalisation."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = conv(features, features)
        self.conv2 = conv(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, Cf, H, W)."""
        return x + self.conv2(torch.relu(self.conv1(x)))


class ResidualStack(nn.Module):
    """Residual blocks and one convolution, with a skip over them all."""

    def __init__(self, features: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(features) for _ in range(blocks))
        self.last = conv(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, Cf, H, W)."""
        y = x
        for block in self.blocks:
            y = block(y)
        return x + self.last(y)


class Upsample(nn.Module):
    """Convolution to four times the channels, then pixel shuffle by 2."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = conv(features, 4 * features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, Cf, 2H, 2W)."""
        return nn.functional.pixel_shuffle(self.conv(x), 2)


class Predictor(nn.Module):
    """D: 1x1 convolution, feature fusion, residual stack, and upsampling by 2.

    Args:
        channels: of the input, C of z^(s) in the paper.
        features: Cf.
        blocks: residual blocks.
        upsample: "after" the stack, so that f^(s) has twice the resolution of z^(s) (the paper's);
            "before" it, of the features that come from the coarser scale; or "none".
    """

    def __init__(
        self, channels: int, features: int, blocks: int, upsample: Upsampling = "after"
    ) -> None:
        super().__init__()
        self.head = conv(channels, features, kernel=1)
        self.stack = ResidualStack(features, blocks)
        self.upsample = upsample
        self.up = None if upsample == "none" else Upsample(features)

    def forward(self, z: Tensor, coarser_features: Tensor | None) -> Tensor:
        """(N, C, H, W), and features of the step before, or None -> (N, Cf, H', W')."""
        x = self.head(z)
        if coarser_features is not None:
            if self.up and self.upsample == "before":
                coarser_features = self.up(coarser_features)[:, :, : z.shape[2], : z.shape[3]]
            x = x + coarser_features
        x = self.stack(x)
        return self.up(x) if self.up and self.upsample == "after" else x


class ProbabilityClassifier(nn.Module):
    """f^(s) -> mixture parameters of z^(s-1): parallel dilated convolutions, then 1x1.

    The output, (N, P, H, W), holds the parameters in the order of `MixtureShape`, in units of
    symbols, within the coder's limits.

    Args:
        features: Cf.
        dilations: of the parallel convolutions.
        shape: of the mixture.
        unit: the network's own unit of mu and sigma in symbols.
        offset: the symbol that the network's mu = 0 stands for.
        gain: factor on the logits and log sigma.
        sigma_min: lower limit of log sigma, at least the coder's.
        centred: lambda multiplies the previous channel's residual, not its value. That is the same
            family (Eq. 7 with mu2 - lambda mu1 for mu2), but here lambda can change from pixel to
            pixel without moving the mean.
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
        low, high = limits(shape)
        low[:, sigmas] = low[:, sigmas].clamp(min=sigma_min)
        for name, values in (("unit", scale), ("offset", shift), ("low", low), ("high", high)):
            self.register_buffer(name, values.view(1, -1, 1, 1), persistent=False)

    def forward(self, f: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, P, H, W), see the class."""
        out = self.out(torch.cat([branch(f) for branch in self.branches], dim=1))
        parameters = out * self.unit + self.offset
        if self.centred:
            parameters = self._uncentred(parameters)
        return limit(parameters, self.low, self.high)

    def _uncentred(self, parameters: Tensor) -> Tensor:
        sizes = [size * self.shape.mixtures for size in (3, 1, 1, 1, 3, 1, 1, 1)]
        logits, r, g, b, log_sigma, g_r, b_r, b_g = parameters.split(sizes, dim=1)
        return torch.cat(
            [logits, r, g - g_r * r, b - b_r * r - b_g * g, log_sigma, g_r, b_r, b_g], dim=1
        )
