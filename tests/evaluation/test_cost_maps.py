"""Maps of bits: every bit of every scale lies on a pixel that it describes."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_models import KINDS, noise, smooth, tiny

from l3c.evaluation.cost_maps import cost_map, draw_cost_maps, local_means, spread


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (9, 25), (33, 16)])
def test_a_map_adds_up_to_the_cross_entropy(kind: str, size: tuple[int, int]) -> None:
    codec, image = tiny(kind).codec(), smooth(*size)
    costs = cost_map(codec, "a", image).costs
    assert costs.shape == size
    assert (costs >= 0).all()
    assert costs.sum() == pytest.approx(codec.cross_entropy_bits(image))


def test_a_symbol_is_spread_over_its_pixels_alone() -> None:
    planes = [np.zeros((3, 5)), np.zeros((4, 4)), np.zeros((2, 2))]
    planes[1][0, 1], planes[1][1, 2] = 4.0, 6.0  # of 2 x 2 pixels; of 1 x 1, the others are padding
    expected = np.zeros((3, 5))
    expected[:2, 2:4], expected[2, 4] = 1.0, 6.0
    assert (spread(planes) == expected).all()


def test_bits_of_padding_go_to_the_coarser_symbol_around_it() -> None:
    planes = [np.zeros((3, 5)), np.zeros((2, 4)), np.zeros((1, 2))]
    planes[1][0, 3] = 3.0  # columns 6 and 7 of an image of 5
    expected = np.zeros((3, 5))
    expected[:, 4] = 1.0  # what the image has of columns 4 to 7
    assert (spread(planes) == expected).all()


def test_local_means_hide_the_grid_of_interlacing() -> None:
    grid = np.zeros((12, 16))
    grid[::2, ::2] = 8.0
    assert local_means(grid).shape == (9, 13)
    assert np.allclose(local_means(grid), 2.0)
    assert local_means(np.ones((1, 2))).tolist() == [[1.0]]


@pytest.mark.parametrize("kind", ["l3c", "rgb"])
def test_one_and_several_photographs_are_drawn(kind: str) -> None:
    codec = tiny(kind).codec()
    maps = [cost_map(codec, "a", smooth(40, 24)), cost_map(codec, "b", noise(16, 32, 3))]
    for count in (1, 2):
        *pictures, bar = draw_cost_maps(maps[:count], "RGB").axes
        assert len(pictures) == 2 * count
        assert "bits per pixel" in bar.get_ylabel()
        assert pictures[0].get_title(loc="left") == "a"
        text = f"RGB: {maps[0].costs.mean():.2f} bits per pixel"
        assert pictures[1].get_title(loc="left").startswith(text)
