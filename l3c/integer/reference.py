"""The integer convolution in NumPy's int64, where no integer of it can overflow or be rounded.

It is slow, and what all other carriers are compared with: definition (1) of docs/integer.md, line
by line, from the same integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

if TYPE_CHECKING:
    from l3c.integer.convolution import IntegerConvolution

Integers = npt.NDArray[np.int64]


def convolution(layer: IntegerConvolution, x: Tensor, residual: Tensor | None = None) -> Tensor:
    """clip(rne(a / 2^shift) + residual, low, high), a = bias + sum of weight * x: int64."""
    parts = (layer.weight, layer.bias, layer.shift, layer.low, layer.high)
    weight, bias, shift, low, high = (part.cpu().numpy().astype(np.int64) for part in parts)
    reach = layer.padding * 2 + 1
    padded = np.pad(x.cpu().numpy(), [(0, 0), (0, 0), *[(layer.padding,) * 2] * 2])
    windows = sliding_window_view(padded, (reach, reach), axis=(2, 3))
    windows = windows[..., :: layer.dilation, :: layer.dilation]  # (N, I, H, W, k, k)
    a = np.einsum("oikl,nihwkl->nohw", weight, windows) + bias[:, None, None]
    y = np.stack([round_shift(a[:, c], int(k)) for c, k in enumerate(shift)], axis=1)
    if residual is not None:
        y = y + residual.cpu().numpy()
    return torch.from_numpy(y.clip(low[:, None, None], high[:, None, None])).to(x.device)


def round_shift(a: Integers, shift: int) -> Integers:
    """A / 2^shift, rounded to the nearest integer, ties to even."""
    if shift <= 0:
        return a << -shift
    whole, rest, half = a >> shift, a & ((1 << shift) - 1), 1 << (shift - 1)
    return whole + ((rest > half) | ((rest == half) & (whole & 1 == 1)))
