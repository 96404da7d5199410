"""Q: values of the bottleneck <-> symbols, and the soft gradient (L3C Sec. 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

SOFTNESS = 2.0  # sigma_q of the soft assignment


def to_symbols(z: Tensor, levels: int) -> Tensor:
    """Index of the nearest of `levels` values evenly spaced on [-1, 1]; inverse of `to_values`.

    Args:
        z: float (N, C, H, W), any value.
        levels: L >= 2.

    Returns:
        int64 (N, C, H, W) in 0..L-1.
    """
    half = (levels - 1) / 2
    return torch.round((z.clamp(-1, 1) + 1) * half).long()


def to_values(symbols: Tensor, levels: int) -> Tensor:
    """Value of each symbol, float32 on [-1, 1]; the one place where levels become numbers."""
    return symbols.to(torch.float32) * (2 / (levels - 1)) - 1


def quantize(z: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Nearest level forward, gradient of the soft assignment backward.

    Args:
        z: float (N, C, H, W).
        levels: L >= 2.

    Returns:
        Values (N, C, H, W) that carry the gradient of sum_l level_l softmax_l(-sigma_q (z -
        level_l)^2), and symbols, int64 (N, C, H, W).
    """
    symbols = to_symbols(z.detach(), levels)
    hard = to_values(symbols, levels)
    if not (torch.is_grad_enabled() and z.requires_grad):
        return hard, symbols
    centres = to_values(torch.arange(levels, device=z.device), levels)
    distance = z.float().unsqueeze(-1) - centres
    soft = (torch.softmax(-SOFTNESS * distance**2, dim=-1) * centres).sum(-1)
    return hard + (soft - soft.detach()), symbols
