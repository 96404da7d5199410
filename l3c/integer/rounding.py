"""Weights onto a grid, one after the other, so that later ones make up for earlier errors.

Rounding each weight of a filter to its nearest multiple treats the inputs as independent. Those of
a convolution on photographs are not: neighbours are nearly equal, and what one weight lost another
can give back. Minimising the squared error of the output on real inputs, greedily, is optimal brain
quantization (Frantar and Alistarh, NeurIPS 2022) in the order and with the Cholesky factor of GPTQ
(Frantar et al., ICLR 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor

DAMPING = 1e-5  # on the diagonal, relative: inputs that are never off each other exactly


def round_filters(weights: Tensor, moment: Tensor, step: Tensor) -> Tensor:
    """Multiples of a step, near the weights, whose outputs are near theirs.

    Args:
        weights: float64 (O, n); the last column is the bias, whose input is 1.
        moment: sum of x x^T over inputs x, float64 (n, n).
        step: of each filter, float64 (O,), > 0.

    Returns:
        Integers as float64, (O, n): times `step` they stand for the weights.
    """
    n = len(moment)
    # The largest first, while there are others to make up for them; the bias can always.
    order = torch.argsort(moment.diag()[:-1], descending=True, stable=True)
    order = torch.cat([order, torch.tensor([n - 1])])
    size = moment.diag().sqrt()[order]
    size[size == 0] = 1.0  # an input that was never seen
    correlation = moment[order][:, order] / torch.outer(size, size)
    correlation.fill_diagonal_(1 + DAMPING)
    factor = torch.linalg.cholesky(torch.linalg.inv(correlation)).T / size
    left = weights[:, order] / step[:, None]
    rounded = torch.empty_like(left)
    for j in range(n):
        rounded[:, j] = left[:, j].round()
        error = (left[:, j] - rounded[:, j]) / factor[j, j]
        left[:, j:] -= torch.outer(error, factor[j, j:])
    result = torch.empty_like(rounded)
    result[:, order] = rounded
    return result
