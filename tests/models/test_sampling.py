"""Sampling the finer scales given the coarser ones."""

import math

import numpy as np
import pytest
import torch
from tiny_models import integers, smooth, tiny

from coder.shape import MixtureShape
from l3c.models.l3c import L3C, L3CSettings
from l3c.nn import mixture


def test_samples_follow_their_mixture() -> None:
    shape = MixtureShape(3, 256, 2, coupled=True)
    raw = torch.zeros(1, shape.parameters, 100, 100)
    raw[:, [0, 2, 4]] = math.log(3)  # three quarters of the first component
    raw[:, [6, 8, 10]], raw[:, [7, 9, 11]] = 60.0, 180.0
    raw[:, 12:18] = math.log(2.0)
    raw[:, 18:20] = 0.5  # green follows red
    drawn = mixture.sample(mixture.split(raw, shape), 256, torch.Generator().manual_seed(0))
    red, green, blue = drawn[0].double().flatten(1)
    assert red.mean() == pytest.approx(0.75 * 60 + 0.25 * 180, abs=2)
    assert (red[red < 120]).std() == pytest.approx(2 * math.pi / math.sqrt(3), rel=0.1)
    assert (green - 0.5 * red).mean() == pytest.approx(90, abs=2)
    assert blue.mean() == pytest.approx(90, abs=2)


def test_the_coarsest_scale_of_the_papers_network_costs_a_constant() -> None:
    """C log2(L) / (3 * 4^S) for every image whose sides 2^S divides."""
    codec = L3C(L3CSettings(features=12, blocks=0)).codec()
    for height, width, padded in ((8, 8, 64), (40, 104, 40 * 104), (9, 8, 16 * 8)):
        bits = codec.symbol_bits(smooth(height, width))["z3"].sum()
        assert bits / (3 * padded) == pytest.approx(5 * math.log2(25) / 192)


@pytest.mark.parametrize("kind", ["l3c", "interlaced"])
def test_batches_are_sampled_from_nothing(kind: str) -> None:
    codec = tiny(kind).codec("cpu", integers(kind))
    images = codec.sample_images(3, 45, 30, seed=3)
    assert (images.shape, images.dtype) == ((3, 45, 30, 3), np.uint8)
    assert len({image.tobytes() for image in images}) == 3
    assert (codec.sample_images(3, 45, 30, seed=3) == images).all()
    assert not (codec.sample_images(3, 45, 30, seed=4) == images).all()
