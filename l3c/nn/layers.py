"""Convolutional building blocks, predictor D and probability classifier (L3C Fig. 2).

Every convolution is a `Conv`, in whose place `l3c.integer` puts one of integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from coder.shape import MixtureShape
from l3c.nn.mixture import limit, limits, nats_of_outputs, negative_log_likelihood, split

# Of the outputs for logits and log sigma, in the "unit" parametrisation: an optimiser that moves
# every weight alike must be slow for means that are right to 1 in 255; these would not follow.
OUTPUT_GAIN = 40.0
LAMBDA_GAIN = 10.0  # of the outputs for centred lambdas

Upsampling = Literal["after", "before", "none"]
"""Where a predictor upsamples by 2: the features it gives, those it gets, or nothing."""


class Conv(nn.Conv2d):
    """A convolution with bias and zero padding that keeps H and W (divided by `stride`).

    Args:
        inputs, outputs: channels.
        kernel: side of the kernels, odd.
        relu: whether what the convolution gives, with the residual, passes a ReLU.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        dilation: int = 1,
        relu: bool = False,
    ) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(inputs, outputs, kernel, stride, padding, dilation)
        self.relu = relu

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """(N, I, H, W), and what is added to the result or None -> (N, O, H, W)."""
        y = super().forward(x)
        if residual is not None:
            y = residual + y
        return torch.relu(y) if self.relu else y


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), no normalisation."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = Conv(features, features, relu=True)
        self.conv2 = Conv(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, Cf, H, W)."""
        y: Tensor = self.conv2(self.conv1(x), x)
        return y


class ResidualStack(nn.Module):
    """Residual blocks and one convolution, with a skip over them all."""

    def __init__(self, features: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(features) for _ in range(blocks))
        self.last = Conv(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, Cf, H, W)."""
        y = x
        for block in self.blocks:
            y = block(y)
        y = self.last(y, x)
        return y


class Upsample(nn.Module):
    """Convolution to four times the channels, then pixel shuffle by 2."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = Conv(features, 4 * features)

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
        self.head = Conv(channels, features, kernel=1)
        self.stack = ResidualStack(features, blocks)
        self.upsample = upsample
        self.up = None if upsample == "none" else Upsample(features)

    def forward(self, z: Tensor, coarser_features: Tensor | None) -> Tensor:
        """(N, C, H, W), and features of the step before, or None -> (N, Cf, H', W')."""
        if self.up and self.upsample == "before":
            coarser_features = self.up(coarser_features)[:, :, : z.shape[2], : z.shape[3]]
        x: Tensor = self.stack(self.head(z, coarser_features))
        return self.up(x) if self.up and self.upsample == "after" else x


class ProbabilityClassifier(nn.Module):
    """f^(s) -> mixture parameters of z^(s-1): parallel dilated convolutions, then 1x1.

    Args:
        features: Cf.
        dilations: of the parallel convolutions.
        units: of the mixture's parameters.
    """

    def __init__(self, features: int, dilations: tuple[int, ...], units: Units) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Conv(features, features, dilation=d) for d in dilations)
        self.out = Conv(features * len(dilations), units.shape.parameters, kernel=1)
        self.units = units

    def forward(self, f: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, P, H, W) in the network's own units: what `units` takes."""
        outputs: Tensor = self.out(torch.cat([b(f) for b in self.branches], dim=1))
        return outputs


class Units(nn.Module):
    """The network's own units -> mixture parameters in symbols, within the coder's limits.

    Args:
        shape: of the mixture; parameters are in its order.
        unit: the network's mu = -1 and 1 are the lowest and the highest symbol, and its logits and
            log sigma are multiplied by OUTPUT_GAIN. The paper's means are so for z only, and pixel
            values for x; its least log sigma is that of the network's own unit.
        centred: lambda multiplies the previous channel's residual, not its value. That is the same
            family (Eq. 7 with mu2 - lambda mu1 for mu2), but here lambda can change from pixel to
            pixel without moving the mean.

    Attributes:
        scale, shift, low, high: float32 (1, P, 1, 1): parameters are scale x + shift, clipped.
    """

    scale: Tensor
    shift: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, shape: MixtureShape, unit: bool, centred: bool) -> None:
        super().__init__()
        self.shape = shape
        self.gain = OUTPUT_GAIN if unit else 1.0
        self.centred = centred and shape.coupled
        half = (shape.levels - 1) / 2
        size, zero = (half, half) if unit or not shape.coupled else (1.0, 0.0)  # of mu, in symbols
        each = shape.channels * shape.mixtures
        means, sigmas = slice(each, 2 * each), slice(2 * each, 3 * each)
        scale = torch.full((shape.parameters,), self.gain)
        scale[means] = size
        scale[sigmas.stop :] = LAMBDA_GAIN if self.centred else 1.0
        shift = torch.zeros(shape.parameters)
        shift[means] = zero
        shift[sigmas] = torch.tensor(size).log()
        low, high = limits(shape)
        if not unit:
            low[:, sigmas] += math.log(size)
        for name, values in (("scale", scale), ("shift", shift), ("low", low), ("high", high)):
            self.register_buffer(name, values.view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, P, H, W) -> (N, P, H, W), see the class."""
        parameters = x * self.scale + self.shift
        if self.centred:
            parameters = self._uncentred(parameters)
        return limit(parameters, self.low, self.high)

    def nats(self, x: Tensor, outputs: Tensor) -> Tensor:
        """-log p of symbols x (N, C, H, W), summed, given outputs (N, P, H, W) in network units."""
        if outputs.device.type == "cpu" and not torch.compiler.is_compiling():
            units = torch.cat((self.scale, self.shift, self.low, self.high)).flatten(1)
            return nats_of_outputs(x.float(), outputs.float(), units, self.shape, self.centred)
        return negative_log_likelihood(x, split(self(outputs), self.shape), self.shape.levels).sum()

    def _uncentred(self, parameters: Tensor) -> Tensor:
        sizes = [size * self.shape.mixtures for size in (3, 1, 1, 1, 3, 1, 1, 1)]
        logits, r, g, b, log_sigma, g_r, b_r, b_g = parameters.split(sizes, dim=1)
        return torch.cat(
            [logits, r, g - g_r * r, b - b_r * r - b_g * g, log_sigma, g_r, b_r, b_g], dim=1
        )


@contextmanager
def replaced(
    network: nn.Module, kind: type[nn.Module], forward: Callable[..., Tensor]
) -> Iterator[None]:
    """In this context the modules of a kind compute with a function of name, module and inputs."""
    modules = [(name, each) for name, each in network.named_modules() if isinstance(each, kind)]
    for name, module in modules:
        vars(module)["forward"] = partial(forward, name, module)
    try:
        yield
    finally:
        for _, module in modules:
            del vars(module)["forward"]
