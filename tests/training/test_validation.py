"""Validation: fixed crops, and what a network costs on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import noise, tiny

from l3c.training.errors import TrainingError
from l3c.training.validation import CROPS, SIDE, middle_crops, validation_bpsp


def test_the_middle_of_photographs_that_are_large_enough() -> None:
    large, small = noise(SIDE + 4, SIDE + 1, 3), noise(SIDE - 1, 500, 3)
    crops = middle_crops([("small", small), ("large", large)])
    assert crops.shape == (1, 3, SIDE, SIDE)
    assert np.array_equal(crops[0].permute(1, 2, 0), large[2:-2, :SIDE])


def test_many_photographs_are_thinned_out_evenly() -> None:
    images = [(str(i), np.full((SIDE, SIDE, 3), i % 256, np.uint8)) for i in range(2 * CROPS)]
    crops = middle_crops(images)
    assert crops[:, 0, 0, 0].tolist() == list(range(0, 2 * CROPS, 2))


def test_no_photograph_is_said() -> None:
    with pytest.raises(TrainingError, match="no photograph to validate on"):
        middle_crops([])


def test_small_images_are_taken_whole() -> None:
    crops = middle_crops([("a", noise(32, 32, 3)), ("b", noise(40, 33, 3))])
    assert crops.shape == (2, 3, 32, 32)


def test_bpsp_counts_every_scale() -> None:
    network, crops = tiny(), torch.from_numpy(noise(9, 3, 16, 16))
    with torch.no_grad():
        bits = sum(float(sum(network.bits(crop[None]))) for crop in crops)
    assert validation_bpsp(network, crops) == pytest.approx(bits / crops.numel(), rel=1e-5)
