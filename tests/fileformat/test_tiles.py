"""Tiles: they are the image, near-equal, and small enough; cuts are as short as can be."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l3c.fileformat.tiles import MAX_SIDE, MAX_TILE_PIXELS, TILE_PIXELS, tile_grid, tile_rectangles

sides = st.one_of(st.integers(1, 40), st.integers(1, 20_000), st.integers(1, MAX_SIDE))


def padded(side):
    return -(-side // 8) * 8


@given(st.integers(1, 3000), st.integers(1, 300), st.data())
def test_edges_are_those_of_format_md(height, width, data):
    grid, edges = [], []
    for side in (height, width):
        blocks = padded(side) // 8
        count = data.draw(st.integers(1, blocks))
        grid.append(count)
        starts = [8 * (i * blocks // count) for i in range(count)]
        edges.append(list(itertools.pairwise([*starts, side])))
    found = tile_rectangles(height, width, *grid)
    assert found == [(y, x, y_end - y, x_end - x) for y, y_end in edges[0] for x, x_end in edges[1]]


@given(sides, sides)
def test_grids_suit_readers(height, width):
    rows, cols = tile_grid(height, width)
    blocks = padded(height) // 8, padded(width) // 8
    sides = -(-blocks[0] // rows), -(-blocks[1] // cols)
    assert 64 * sides[0] * sides[1] <= TILE_PIXELS <= MAX_TILE_PIXELS
    # Near the lower bound: one more tile may save a cut along the whole image.
    assert rows * cols <= 2 * -(-blocks[0] * blocks[1] * 64 // TILE_PIXELS)
    assert tile_grid(width, height)[0] * tile_grid(width, height)[1] == rows * cols


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((1, 1), (1, 1)),
        ((1, 4096), (1, 1)),
        ((768, 512), (1, 1)),
        ((3000, 2000), (4, 3)),
        ((2160, 3840), (4, 4)),
        ((10_000, 10_000), (13, 15)),
        ((1, MAX_SIDE), (1, 4096 * 8)),
        ((MAX_SIDE, MAX_SIDE), (2_949_841, 2_982_617)),
    ],
)
def test_grids(size, grid):
    assert tile_grid(*size) == grid


def test_no_grid_has_shorter_cuts(monkeypatch):
    monkeypatch.setattr("l3c.fileformat.tiles.TILE_PIXELS", 64 * 37)  # small: all grids are tried
    rng = np.random.default_rng(0)
    for height, width in rng.integers(1, 400, (100, 2)).tolist():
        high, wide = padded(height) // 8, padded(width) // 8
        cuts = {
            (rows, cols): (rows - 1) * width + (cols - 1) * height
            for rows in range(1, high + 1)
            for cols in range(1, wide + 1)
            if -(-high // rows) * -(-wide // cols) <= 37
        }
        assert cuts[tile_grid(height, width)] == min(cuts.values())
