"""How seconds of repeated runs are summed up."""

import pytest

from l3c.evaluation.bootstrap import Interval
from l3c.evaluation.repeated_runs import RepeatedRuns


@pytest.fixture
def make_runs():
    """Runs from seconds by crop."""

    def make(**crops):
        runs = RepeatedRuns()
        for crop, taken in crops.items():
            for seconds in taken:
                runs.add(crop, seconds)
        return runs

    return make


def test_of_each_crop_the_median_counts_and_crops_count_alike(make_runs):
    runs = make_runs(a=[1.0, 9.0, 2.0], b=[4.0])
    assert runs.medians() == {"a": 2.0, "b": 4.0}
    assert runs.seconds() == 3.0
    assert runs.count == 4


def test_the_spread_is_that_of_runs_not_of_crops(make_runs):
    assert make_runs(a=[1.0, 2.0, 3.0], b=[10.0, 12.0, 14.0]).spread() == Interval(6.25, 7.75)
    assert make_runs(a=[1.0, 2.0, 3.0], b=[9.0]).spread() == Interval(5.25, 5.75)


def test_one_value_for_each_crop_has_no_spread(make_runs):
    assert make_runs(a=[1.0], b=[9.0]).spread() is None
    assert make_runs(a=[1.0, 1.0], b=[9.0, 9.0]).spread() is None
