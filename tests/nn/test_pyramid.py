"""Coding steps: every pixel once, and no input before it is known."""

from __future__ import annotations

import itertools

import pytest
import torch

from l3c.models.interlaced import GROUPS, B
from l3c.nn.pyramid import ALL, CodingStep, Group, make_steps

JOINT = (Group((ALL,)),)
STEP = CodingStep(1, 1, (), B, 0, (0,))


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 1), (7, 4), (8, 8)])
def test_every_pixel_is_predicted_once(size: tuple[int, int]) -> None:
    joint, interlaced = torch.zeros(size), torch.zeros(size)
    interlaced[::2, ::2] = 1  # known: they are the coarser scale
    for counts, groups in ((joint, JOINT), (interlaced, GROUPS)):
        for step in make_steps(1, groups):
            for target in step.targets:
                target.select(counts).add_(1)
        assert (counts == 1).all()


def test_the_input_of_a_step_was_predicted_by_the_step_before() -> None:
    steps = make_steps(2, GROUPS)
    assert [step.s for step in steps] == [2, 2, 1, 1]
    for before, step in itertools.pairwise(steps):
        if step.number:
            assert step.source == before.targets[0]
        else:
            assert step.source is None
            assert step.s == before.s - 1


def test_inputs_do_not_depend_on_padding() -> None:
    plane = torch.arange(15).view(1, 1, 3, 5)
    symbols = [plane, torch.zeros(1, 1, 2, 4)]  # a grid of blocks wider than the image needs
    assert STEP.inputs(symbols)[0, 0].tolist() == [[6, 8, 8, 8], [6, 8, 8, 8]]
    lacking = STEP.inputs([torch.ones(1, 3, 1, 2), torch.ones(1, 5, 1, 1)])
    assert lacking.shape == (1, 3, 1, 1)
    assert not lacking.any()


def test_modules_are_numbered_from_the_finest_scale() -> None:
    steps = make_steps(3, GROUPS)
    assert [step.predictor for step in steps] == [4, 5, 2, 3, 0, 1]
    assert (steps[0].classifiers, steps[-1].classifiers) == ((6,), (1, 2))
    assert [step.upsample(3) for step in steps] == ["none"] * 2 + ["before", "none"] * 2
    assert [step.predictor for step in make_steps(3)] == [2, 1, 0]
    assert {step.upsample(3) for step in make_steps(3)} == {"after"}
    assert {(step.predictor, step.classifiers) for step in make_steps(3, shared=True)} == {
        (0, (0,))
    }
