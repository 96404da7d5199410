"""Where the time of coding goes: what is reported, and that it fits into the whole."""

import time

import pytest

from l3c.stopwatch import Stopwatch, is_timed, timed

SCALES = ("x", "z1", "z2")


def test_seconds_are_added_up() -> None:
    stopwatch = Stopwatch()
    for _ in range(2):
        with stopwatch.time("coder", "x"):
            time.sleep(0.01)
    with pytest.raises(KeyError), stopwatch.time("network"):
        raise KeyError
    assert set(stopwatch.seconds) == {("coder", "x"), ("network", "")}
    assert stopwatch.seconds["coder", "x"] >= 0.02
    with stopwatch, timed("container"):
        assert is_timed()
    with timed("network", "x"):
        assert not is_timed()
    assert set(stopwatch.seconds) == {("coder", "x"), ("network", ""), ("container", "")}
