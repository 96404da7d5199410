"""Convolutions, residual stack and upsampling that all networks are built from (L3C Fig. 2)."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


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
