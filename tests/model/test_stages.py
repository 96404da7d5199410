"""The order of prediction: every pixel once, and nothing seen before it is known."""

from __future__ import annotations

import itertools

import pytest
import torch

from l3c.config import ModelSettings
from l3c.model.stages import A, B, Stage, finest, make_stages


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 1), (7, 4), (8, 8)])
def test_every_pixel_is_predicted_once(interlaced: bool, size: tuple[int, int]) -> None:
    counts = torch.zeros(size)
    for stage in make_stages(1, interlaced=interlaced, shared=False):
        for target in stage.targets:
            target.of(counts).add_(1)
    assert (counts == 1).all()


def test_a_stage_sees_what_the_stage_before_was_about() -> None:
    stages = make_stages(2, interlaced=True, shared=False)
    assert [stage.s for stage in stages] == [2, 2, 2, 1, 1, 1]
    for before, stage in itertools.pairwise(stages):
        if stage.group:
            assert stage.source == before.targets[0]
        else:
            assert stage.source is None
            assert stage.s == before.s - 1


@pytest.mark.parametrize("interlaced", [False, True])
def test_settings_know_the_number_of_stages(interlaced: bool) -> None:
    settings = ModelSettings(scales=4, interlaced=interlaced)
    assert len(make_stages(4, interlaced=interlaced, shared=False)) == 4 * settings.stages


def test_what_is_seen_does_not_depend_on_padding() -> None:
    plane = torch.arange(15).view(1, 1, 3, 5)
    planes = [plane, torch.zeros(1, 1, 2, 4)]  # a grid of blocks wider than the image needs
    seen = Stage(1, 1, (B,), A, 0, (0,), "none", True).seen(planes)
    assert seen[0, 0].tolist() == [[0, 2, 4, 4], [10, 12, 14, 14]]
    seen = Stage(1, 2, (), B, 0, (0,), "none", True).seen(planes)
    assert seen[0, 0].tolist() == [[6, 8, 8, 8], [6, 8, 8, 8]]


def test_of_pixels_that_an_image_lacks_zeros_are_seen() -> None:
    planes = [torch.ones(1, 3, 1, 2), torch.ones(1, 5, 1, 1)]
    seen = Stage(1, 2, (), B, 0, (0,), "none", True).seen(planes)
    assert seen.shape == (1, 3, 1, 1)
    assert not seen.any()


def test_shared_modules_serve_every_scale_and_hand_on_within_it() -> None:
    stages = make_stages(3, interlaced=True, shared=True)
    assert [stage.predictor for stage in stages] == [0, 1, 2] * 3
    assert [stage.classifiers for stage in stages] == [(0,), (1,), (2, 3)] * 3
    assert [stage.hands_on for stage in stages] == [True, True, False] * 3
    assert {stage.upsample for stage in stages} == {"none"}
    assert finest(stages, lambda stage: (stage.predictor,)) == list(stages[-3:])


def test_modules_of_own_scales_are_numbered_from_the_finest() -> None:
    stages = make_stages(3, interlaced=True, shared=False)
    assert [stage.predictor for stage in stages] == [6, 7, 8, 3, 4, 5, 0, 1, 2]
    assert stages[0].classifiers == (8,)
    assert stages[-1].classifiers == (2, 3)
    assert [stage.upsample for stage in stages] == ["none"] * 3 + ["before", "none", "none"] * 2
    joint = make_stages(3, interlaced=False, shared=False)
    assert [stage.predictor for stage in joint] == [2, 1, 0]
    assert {stage.upsample for stage in joint} == {"after"}
