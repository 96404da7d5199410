"""Means, intervals, ratios and times, the arithmetic done by hand."""

import numpy as np
import pandas as pd
import pytest
from result_rows import result_row, results

from l3c.bench.stats import (
    Interval,
    difference_interval,
    mean_interval,
    percent_above,
    rates,
    repeated,
    speeds,
)


def test_few_images_have_no_interval():
    assert mean_interval([]) is None
    assert mean_interval([3.5]) is None
    assert mean_interval([3.5, 2.5, 3.0]) is None
    assert difference_interval([3.5], [3.0]) is None


def test_equal_values_leave_nothing_open():
    assert mean_interval([8.0, 8.0, 8.0, 8.0]) == Interval(8.0, 8.0)


def test_two_values_are_drawn_as_they_must_be():
    # All four draws are the lower value in 1/16 of the cases, the higher one in as many.
    assert mean_interval([1.0, 3.0, 1.0, 3.0]) == Interval(1.0, 3.0)


def test_the_same_values_in_any_order_give_the_same_interval():
    values = [3.1, 2.9, 4.4, 3.7, 2.2]
    assert mean_interval(values) == mean_interval(values[::-1]) == mean_interval(tuple(values))


def test_many_values_come_close_to_the_normal_interval():
    values = np.random.default_rng(0).normal(3.0, 0.5, 400).tolist()
    low, high = mean_interval(values)
    half = 1.96 * np.std(values) / np.sqrt(len(values))
    assert low == pytest.approx(np.mean(values) - half, abs=0.1 * half)
    assert high == pytest.approx(np.mean(values) + half, abs=0.1 * half)


def test_pairs_show_a_small_difference_that_the_images_would_hide():
    images = np.random.default_rng(1).normal(3.0, 0.5, 40)
    gains = np.random.default_rng(2).normal(0.05, 0.01, 40)
    a, b = images.tolist(), (images - gains).tolist()
    difference = difference_interval(a, b)
    assert 0.04 < difference.low < difference.high < 0.06
    assert mean_interval(b).high > mean_interval(a).low  # side by side they overlap


def test_pairs_are_needed():
    with pytest.raises(ValueError, match="got 2 and 1"):
        difference_interval([1.0, 2.0], [1.0])


def test_percents_are_of_the_reference():
    assert percent_above(3.0, 2.0) == pytest.approx(50)
    assert percent_above(None, 2.0) is None
    assert percent_above(3.0, None) is None


@pytest.fixture
def rows():
    """Two methods on two small and two large images: 4 and 2 bpsp, 6 and 3 bpsp."""
    sizes = {"a": 10, "b": 20, "c": 10, "d": 20}
    l3c = {"key": "l3c", "num_bytes": 300}
    return results(
        [
            *(
                result_row(
                    image=i, height=h, cross_entropy_bits=2390.0 if h == 10 else 2398.0, **l3c
                )
                for i, h in sizes.items()
            ),
            *(result_row(image=i, height=h, num_bytes=450) for i, h in sizes.items()),
        ]
    )


def test_rates_are_of_images_and_of_all_bits(rows):
    l3c, png = rates(rows, ["key"]).to_dict("records")
    assert (l3c["key"], l3c["images"], l3c["mean_bpsp"]) == ("l3c", 4, pytest.approx(3.0))
    assert (l3c["low"], l3c["high"]) == (2.0, 4.0)
    assert l3c["total_bpsp"] == pytest.approx(9600 / 3600)
    assert l3c["total_cross_entropy_bpsp"] == pytest.approx(9576 / 3600)
    assert l3c["cross_entropy_bpsp"] == pytest.approx((2390 / 600 + 2398 / 1200) / 2)
    assert l3c["gap_percent"] == pytest.approx(100 * 24 / 9576)
    assert png["mean_bpsp"] == pytest.approx(4.5)
    assert all(np.isnan(png[name]) for name in png if "entropy" in name or "gap" in name)
    few = rates(rows.head(3), ["key"])
    assert few.low.isna().all()
    assert few.high.isna().all()
    assert rates(rows.head(0), ["key"]).empty


def test_one_image_without_cross_entropy_leaves_none(rows):
    rows.loc[0, "cross_entropy_bits"] = np.nan
    assert rates(rows, ["key"]).total_cross_entropy_bpsp.isna().all()


def test_speeds_are_of_all_pixels(rows):
    l3c, _ = speeds(rows, ["key"]).to_dict("records")
    assert l3c["decode_s"] == 0.125
    assert l3c["decode_mb_s"] == pytest.approx(3600 / 1e6 / 0.5)
    assert (l3c["threads"], l3c["in_process"]) == (2, True)
    assert speeds(rows.assign(encode_s=0.0), ["key"]).encode_mb_s.tolist() == [np.inf, np.inf]


def summed_up(**crops):
    runs = [("m", crop, seconds) for crop, taken in crops.items() for seconds in taken]
    table = pd.DataFrame(runs, columns=["method", "crop", "s"])
    (line,) = repeated(table, ["method"], "crop", "s").to_dict("records")
    return line


def test_of_each_crop_the_median_counts_and_crops_count_alike():
    line = summed_up(a=[1.0, 9.0, 2.0], b=[4.0])
    assert (line["seconds"], line["count"]) == (3.0, 4)


def test_the_spread_is_that_of_runs_not_of_crops():
    def spread(**crops):
        line = summed_up(**crops)
        return line["low"], line["high"]

    assert spread(a=[1.0, 2.0, 3.0], b=[10.0, 12.0, 14.0]) == (6.25, 7.75)
    assert spread(a=[1.0, 2.0, 3.0], b=[9.0]) == (5.25, 5.75)
    assert np.isnan(spread(a=[1.0], b=[9.0])).all()
    assert np.isnan(spread(a=[1.0, 1.0], b=[9.0, 9.0])).all()
