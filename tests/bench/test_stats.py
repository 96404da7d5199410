"""Means, intervals, ratios and times, the arithmetic done by hand."""

import numpy as np
import pandas as pd
import pytest
from made_run import two_methods
from result_rows import results

from l3c.bench.stats import mean_interval, rates, repeated

NONE = (np.nan, np.nan)


@pytest.mark.parametrize(
    ("values", "interval"),
    [
        ([], NONE),
        ([3.5, 2.5, 3.0], NONE),  # too few
        ([8.0] * 4, (8.0, 8.0)),
        # All four draws are the lower value in 1/16 of the cases, the higher one in as many.
        ([1.0, 3.0, 1.0, 3.0], (1.0, 3.0)),
    ],
)
def test_intervals_of_few_values(values, interval):
    for order in (values, values[::-1]):
        assert mean_interval(order) == pytest.approx(interval, abs=0, nan_ok=True)


def test_rates_are_of_images_and_of_all_bits():
    rows = results(two_methods())
    l3c, other = rates(rows, ["key"]).to_dict("records")
    assert l3c == pytest.approx(
        {
            "key": "l3c",
            "images": 4,
            "mean_bpsp": 3.0,
            "low": 2.0,
            "high": 4.0,
            "total_bpsp": 9600 / 3600,
            "cross_entropy_bpsp": (2390 / 600 + 2398 / 1200) / 2,
            "total_cross_entropy_bpsp": 9576 / 3600,
            "gap_percent": 100 * 24 / 9576,
        }
    )
    assert other["mean_bpsp"] == pytest.approx(4.5)
    assert all(np.isnan(other[name]) for name in other if "entropy" in name or "gap" in name)
    assert rates(rows.head(3), ["key"])[["low", "high"]].isna().all(axis=None)
    assert rates(rows.head(0), ["key"]).empty
    rows.loc[0, "cross_entropy_bits"] = np.nan  # of one image
    assert rates(rows, ["key"]).total_cross_entropy_bpsp.isna().all()


@pytest.mark.parametrize(
    ("crops", "seconds", "spread"),
    [
        # Of each crop the median counts, and crops count alike; the spread is that of runs.
        ({"a": [1.0, 9.0, 2.0], "b": [4.0]}, 3.0, (2.75, 4.75)),
        ({"a": [1.0, 2.0, 3.0], "b": [10.0, 12.0, 14.0]}, 7.0, (6.25, 7.75)),
        ({"a": [1.0], "b": [9.0]}, 5.0, (np.nan, np.nan)),
        ({"a": [1.0, 1.0], "b": [9.0, 9.0]}, 5.0, (np.nan, np.nan)),
    ],
)
def test_repeated_runs_of_crops(crops, seconds, spread):
    runs = [("m", crop, value) for crop, values in crops.items() for value in values]
    table = pd.DataFrame(runs, columns=["method", "crop", "s"])
    (line,) = repeated(table, ["method"], "crop", "s").to_dict("records")
    assert (line["seconds"], line["count"]) == (seconds, len(runs))
    assert (line["low"], line["high"]) == pytest.approx(spread, nan_ok=True)
