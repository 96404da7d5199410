"""Intervals of means over images."""

import numpy as np
import pytest

from l3c.evaluation.bootstrap import Interval, difference_interval, mean_interval


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
