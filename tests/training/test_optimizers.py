"""Muon: every singular value of a filter bank moves alike, however many banks there are."""

from __future__ import annotations

import pytest
import torch

from l3c.training.optimizers import Muon


def step(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    """What one step with rate 1 takes from zeros, for random gradients."""
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    Muon(parameters, lr=1.0).step()
    return [-parameter.detach() for parameter in parameters]


@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (64, 2, 3, 3)])
def test_singular_values_are_near_one(shape: tuple[int, ...]) -> None:
    (update,) = step(shape)
    inputs = shape[1] * 9
    values = torch.linalg.svdvals(update.flatten(1)) / max(1.0, shape[0] / inputs) ** 0.5
    assert 0.6 < values.min() < values.max() < 1.3


def test_filter_banks_do_not_depend_on_each_other() -> None:
    alone = step((8, 4, 3, 3))[0]
    among = step((8, 4, 3, 3), (6, 4, 3, 3), (8, 4, 3, 3))
    assert torch.allclose(among[0], alone, atol=1e-5)
    assert not torch.allclose(among[2], alone, atol=1e-2)


def test_what_has_no_gradient_stays() -> None:
    still = torch.nn.Parameter(torch.ones(2, 2, 3, 3))
    Muon([still], lr=1.0).step()
    assert (still == 1).all()
