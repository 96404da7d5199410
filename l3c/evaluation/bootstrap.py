"""How far a mean over images may lie from that over all such images: bootstrap intervals.

Percentile bootstrap (Efron 1979): the images are drawn anew, with replacement and as many as there
are, and the middle 95 % of the means so found are the interval. Of few images it is too narrow, of
two or three it would be little more than the least and the largest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 95.0  # percent
LEAST = 4  # values, for an interval of their mean
RESAMPLES = 10_000
_DRAWN_AT_ONCE = 1 << 20  # numbers, so that 50,000 images fit into memory
# One fixed seed: what else is in a table changes no interval of it.
_SEED = int.from_bytes(hashlib.sha256(b"bootstrap over images").digest()[:8], "big")


class Interval(NamedTuple):
    """A 95 % interval, both ends included, in the unit of the values."""

    low: float
    high: float


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Interval of the mean; None for fewer than `LEAST` values.

    The order of the values does not matter.
    """
    if len(values) < LEAST:
        return None
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    count = len(ordered)
    rng = np.random.default_rng(_SEED)
    means = np.empty(RESAMPLES)
    step = max(1, _DRAWN_AT_ONCE // count)
    for start in range(0, RESAMPLES, step):
        part = means[start : start + step]
        part[:] = ordered[rng.integers(0, count, (len(part), count))].mean(axis=1)
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(means, (tail, 100 - tail))
    return Interval(float(low), float(high))


def difference_interval(a: Sequence[float], b: Sequence[float]) -> Interval | None:
    """Interval of mean(a) - mean(b), paired: `a[i]` and `b[i]` belong to the same image.

    What makes an image hard for both cancels, so this is narrower than two intervals side by side.

    Raises:
        ValueError: the two are not as many.
    """
    if len(a) != len(b):
        raise ValueError(f"paired values are needed, got {len(a)} and {len(b)}")
    return mean_interval([x - y for x, y in zip(a, b, strict=True)])
