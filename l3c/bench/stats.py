"""Means over images with their intervals, ratios, times of repeated runs: computed here alone.

Intervals say how far a mean may lie from that over all such images. They are a percentile
bootstrap (Efron 1979): the images are drawn anew, with replacement and as many as there are, and
the middle 95 % of the means so found are the interval. Of few images it is too narrow, of two or
three it would be little more than the least and the largest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

LEVEL = 95.0  # percent
LEAST = 4  # values, for an interval of their mean
RESAMPLES = 10_000
_DRAWN_AT_ONCE = 1 << 20  # numbers, so that 50,000 images fit into memory
# One fixed seed: what else is in a table changes no interval of it.
_SEED = int.from_bytes(hashlib.sha256(b"bootstrap over images").digest()[:8], "big")


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Both ends of the 95 % interval of the mean, whatever the order; NaN for few values."""
    if len(values) < LEAST:
        return np.nan, np.nan
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    count, rng = len(ordered), np.random.default_rng(_SEED)
    step = max(1, _DRAWN_AT_ONCE // count)
    sizes = [min(step, RESAMPLES - start) for start in range(0, RESAMPLES, step)]
    means = [ordered[rng.integers(0, count, (size, count))].mean(axis=1) for size in sizes]
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(np.concatenate(means), (tail, 100 - tail))
    return float(low), float(high)


def rates(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Sizes of groups of images.

    Args:
        rows: height and width in pixels, num_bytes, cross_entropy_bits.
        by: columns that tell groups apart.

    Returns:
        A line for each group, in the order of its first row: the columns `by`, `images`, and in
        bits per sub-pixel `mean_bpsp` with `low` and `high` of its interval, `total_bpsp` (all bits
        over all sub-pixels), the cross-entropies `cross_entropy_bpsp` (mean over images) and
        `total_cross_entropy_bpsp`; `gap_percent`, all bits above the cross-entropy. NaN where
        there is none.
    """
    table = rows[[*by]].assign(
        counts=3 * rows.height * rows.width,
        bits=8 * rows.num_bytes,
        entropy=rows.cross_entropy_bits,
    )
    table["bpsp"], table["entropy_bpsp"] = table.bits / table.counts, table.entropy / table.counts
    groups = table.groupby([*by], sort=False)
    whole = groups[["counts", "bits"]].sum()
    entropy = groups[["entropy", "entropy_bpsp"]].agg(pd.Series.sum, skipna=False)
    found = pd.DataFrame({"images": groups.size(), "mean_bpsp": groups.bpsp.mean()})
    intervals = [mean_interval(values.tolist()) for _, values in groups.bpsp]
    found["low"], found["high"] = np.asarray(intervals, float).reshape(-1, 2).T
    found["total_bpsp"] = whole.bits / whole.counts
    found["cross_entropy_bpsp"] = entropy.entropy_bpsp / found.images
    found["total_cross_entropy_bpsp"] = entropy.entropy / whole.counts
    found["gap_percent"] = 100 * (whole.bits / entropy.entropy - 1)
    return found.reset_index()


def speeds(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Times of groups of images.

    Returns:
        A line for each group: the columns `by`, mean seconds per image `encode_s` and `decode_s`;
        10^6 bytes of raw pixels per second `encode_mb_s` and `decode_mb_s`, all images together,
        infinite where the clock was too coarse; `threads`, `in_process`.
    """
    groups = rows.assign(megabytes=3e-6 * rows.height * rows.width).groupby([*by], sort=False)
    found = groups[["encode_s", "decode_s"]].mean()
    for name in ("encode", "decode"):
        found[f"{name}_mb_s"] = groups.megabytes.sum() / groups[f"{name}_s"].sum()
    found["threads"], found["in_process"] = groups.threads.max(), groups.in_process.all()
    return found.reset_index()


def repeated(runs: pd.DataFrame, by: Sequence[str], item: str, value: str) -> pd.DataFrame:
    """Seconds of repeated runs of several crops -> one number, and how far the runs scatter.

    Of each crop the median of its runs counts, and all crops count alike. The spread is that of the
    runs: crops differ by what they show, which tells nothing of how well a time is known.

    Args:
        runs: a row for each run.
        by: columns that tell groups apart.
        item: column that names the crop, or whatever else was run.
        value: column of seconds.

    Returns:
        A line for each group: the columns `by`, `seconds`, `low` and `high` (lower and upper
        quartile over runs, means over crops; NaN if each crop has one value only), `count` of runs.
    """
    clocked = runs.groupby([*by, item], sort=False)[value]
    crops = clocked.agg(seconds="median", values="nunique", count="size")
    crops["low"], crops["high"] = clocked.quantile(0.25), clocked.quantile(0.75)
    groups = crops.groupby([*by], sort=False)
    found: Any = groups[["seconds", "low", "high"]].mean()
    found.loc[groups["values"].max() == 1, ["low", "high"]] = np.nan
    found["count"] = groups["count"].sum()
    return found.reset_index()
