"""Coding on given CDFs: round trips, agreement with the reference, size, wrong arguments."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder import reference
from coder.errors import CorruptStreamError
from coder.range_coder import decode, encode
from coder.tables import tables

TOTAL = 1 << 24


def random_cdfs(rng: np.random.Generator, rows: int, levels: int) -> np.ndarray:
    """Strictly increasing, from very even to very uneven."""
    cdf = np.empty((rows, levels + 1), np.int64)
    for row in cdf:
        inner = rng.choice(TOTAL - 1, levels - 1, replace=False) + 1
        row[:] = [0, *sorted(inner), TOTAL]
    return cdf


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 2**32))
def test_round_trip_and_reference(levels: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cdf = random_cdfs(rng, count, levels)
    symbols = rng.integers(0, levels, count)
    data = encode(symbols, cdf)
    assert data == reference.encode(symbols, cdf)
    assert (decode(data, cdf) == symbols).all()


@pytest.mark.parametrize("levels", [1, 2, 255, 65_535])
def test_shared_rows(levels: int) -> None:
    rng = np.random.default_rng(levels)
    cdf = random_cdfs(rng, 3, levels)
    rows = rng.integers(0, 3, 20_000)
    symbols = rng.integers(0, levels, 20_000)
    data = encode(symbols, cdf, rows)
    assert (decode(data, cdf, rows) == symbols).all()
    frequency = cdf[rows, symbols + 1] - cdf[rows, symbols]
    entropy = -np.log2(frequency / TOTAL).sum() / 8
    assert len(data) <= 1.0005 * entropy + 24  # four lanes


def test_runs_of_carries() -> None:
    # the most probable symbol at the top of the interval keeps low near 2^64, where carries run far
    cdf = np.array([[0, 1, TOTAL]])
    symbols = np.ones(5000, np.int64)
    symbols[[2000, 4999]] = 0
    rows = np.zeros(5000, np.int64)
    data = encode(symbols, cdf, rows)
    assert data == reference.encode(symbols, cdf[rows])
    assert (decode(data, cdf, rows) == symbols).all()


def test_wrong_arguments_are_named() -> None:
    good = np.array([[0, 5, TOTAL], [0, 7, TOTAL]])
    with pytest.raises(ValueError, match="cdf row 1 does not start at 0"):
        encode([0, 1], good + np.array([[0], [1]]))
    with pytest.raises(ValueError, match=r"cdf row 0 does not end at 2\^24"):
        encode([0, 1], good // 2)
    with pytest.raises(ValueError, match="cdf row 1 does not increase at entry 0"):
        encode([0, 1], [[0, 5, TOTAL], [0, 0, TOTAL]])
    with pytest.raises(ValueError, match=r"row 2 of symbol 1 is not in 0\.\.1"):
        encode([0, 1], good, [0, 2])
    with pytest.raises(ValueError, match=r"symbol 2 at \(0,\) is not in 0\.\.1"):
        encode([2, 1], good)
    with pytest.raises(TypeError, match="cdf must be integers"):
        encode([0, 1], good / TOTAL)
    with pytest.raises(CorruptStreamError, match="no symbols has 1 bytes"):
        decode(b"a", np.zeros((0, 3), np.int64))


def test_tables_fit_their_definition() -> None:
    made = tables()
    t = np.arange(-1024, 1025) / 64
    assert np.abs(made.sigmoid[1:-2] - 2**24 / (1 + np.exp(-t[1:-1]))).max() <= 0.5 + 1e-6
    assert (np.diff(made.sigmoid) >= 0).all()
    sigma = np.exp(np.arange(-7 * 64, 8 * 64 + 1) / 64)
    inverse, reach = made.scales.T.astype(np.int64)
    assert np.abs(inverse - 2**16 / sigma).max() <= 0.5 + 1e-6
    assert (reach * inverse <= 1 << 28).all()
    assert ((reach + 1) * inverse > 1 << 28).all()
    assert made.exp[0] == 1 << 16
    assert made.exp[64] == round(2**16 / math.e)
