"""Weights onto a grid, one after the other, so that later ones make up for earlier errors.

Rounding each weight of a filter to its nearest multiple treats the inputs as independent. Those of
a convolution on photographs are not: neighbours are nearly equal, and what one weight lost another
can give back. Minimising the squared error of the output on real inputs, greedily, is optimal brain
quantization (Frantar and Alistarh, NeurIPS 2022) in the order and with the Cholesky factor of GPTQ
(Frantar et al., ICLR 2023).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]

DAMPING = 1e-5  # on the diagonal, relative: inputs that are never off each other exactly


def round_filters(weights: Reals, moment: Reals, step: Reals) -> Reals:
    """Multiples of a step, near the weights, whose outputs are near theirs.

    Args:
        weights: (O, n); the last column is the bias, whose input is 1.
        moment: sum of x x^T over inputs x, (n, n).
        step: of each filter, (O,), > 0.

    Returns:
        Integers as float64, (O, n): times `step` they stand for the weights.
    """
    n = len(moment)
    # The largest first, while there are others to make up for them; the bias can always.
    order = np.append(np.argsort(-np.diag(moment)[:-1], kind="stable"), n - 1)
    size = np.sqrt(np.diag(moment))[order]
    size[size == 0] = 1.0  # an input that was never seen
    correlation = moment[np.ix_(order, order)] / np.outer(size, size)
    np.fill_diagonal(correlation, 1 + DAMPING)
    factor = np.linalg.cholesky(np.linalg.inv(correlation)).T / size
    left, rounded = weights[:, order] / step[:, None], np.empty_like(weights)
    for j in range(n):
        rounded[:, j] = np.rint(left[:, j])
        error = (left[:, j] - rounded[:, j]) / factor[j, j]
        left[:, j:] -= np.outer(error, factor[j, j:])
    result = np.empty_like(rounded)
    result[:, order] = rounded
    return result
