"""Learning rates by group and step; Muon moves every singular value of a filter bank alike."""

from __future__ import annotations

import pytest
import torch
from train_toy import toy

from l3c.training.optimizers import MUON_RATIO, Muon, Optimizers, lr_factor


def step(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    """What one step with rate 1 takes from zeros, for random gradients."""
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    Muon(parameters, lr=1.0).step()
    return [-parameter.detach() for parameter in parameters]


@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (64, 2, 3, 3), (12, 20)])
def test_singular_values_are_near_one(shape: tuple[int, ...]) -> None:
    (update,) = step(shape)
    matrix = update.flatten(1)
    values = torch.linalg.svdvals(matrix) / max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
    assert 0.6 < values.min() < values.max() < 1.3


def test_a_group_learns_at_its_own_rate() -> None:
    recipe = toy(12, optimizer="muon", learning_rate=1e-3, lr_factors={"extractors": 0.1})
    network = recipe.make_model()
    rates = {
        id(parameter): group["lr"]
        for optimizer in Optimizers(network, recipe.train).each
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    for name, parameter in network.named_parameters():
        share = 0.1 if name.startswith("extractors") else 1.0
        ratio = MUON_RATIO if parameter.ndim == 4 and parameter.shape[-1] > 1 else 1.0
        assert rates[id(parameter)] == pytest.approx(1e-3 * share * ratio)


def test_schedules() -> None:
    for kind, expected in (
        ({"schedule": "cosine"}, [1, 0.5, 0.0245]),
        ({"schedule": "linear", "decay_share": 0.5}, [1, 1, 0.2]),
        ({"schedule": "exponential", "decay": 0.5, "decay_steps": 4}, [1, 0.5, 0.25]),
        ({"schedule": "linear", "warmup_steps": 20}, [0.05, 0.3, 10 / 20 * 1 / 3.3]),
    ):
        settings = toy(10, **kind).train
        factors = [lr_factor(step, settings) for step in (0, 5, 9)]
        assert factors == pytest.approx(expected, abs=1e-4)
