"""Networks: the paper's shapes and sizes, the baselines' pyramid, quantizer, sensible starts."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from l3c.models.base import Model
from l3c.models.l3c import L3C, L3CSettings, quantize
from l3c.models.pyramid import PyramidModel
from l3c.recipe import Recipe

KINDS = ["l3c", "rgb", "rgb_shared", "interlaced"]


def small(kind: str, **settings: Any) -> PyramidModel:
    shape = {"features": 12, "blocks": 1, "mixtures": 2, "channel_coefficients": "centred"}
    if kind == "interlaced":
        settings.pop("levels", None)
        recipe = Recipe(name="small", family=kind, model=shape | settings)
    else:
        shape |= {"kind": kind, "parametrization": "unit", "initialization": "pyramid"}
        recipe = Recipe(name="small", model=shape | settings)
    model = recipe.make_model()
    assert isinstance(model, PyramidModel)
    model.initialize(0)
    return model


def smooth_images(count: int, side: int) -> torch.Tensor:
    ramp = torch.linspace(30, 200, side)
    plane = (ramp[None, :] * 0.6 + ramp[:, None] * 0.4).round()
    shifts = torch.arange(count).view(-1, 1, 1, 1) * 5 + torch.tensor([0, 9, -7]).view(1, 3, 1, 1)
    return (plane + shifts).clamp(0, 255).to(torch.uint8)


def test_the_papers_sizes() -> None:
    network = L3C(L3CSettings())
    assert 4.8e6 < sum(p.numel() for p in network.parameters()) < 5.3e6
    assert [network.shape(s).parameters for s in (0, 1)] == [120, 150]
    shared = L3C(L3CSettings(kind="rgb_shared"))
    assert len(shared.predictors) == len(shared.classifiers) == 1
    z = torch.zeros(1, 3, 4, 4)
    for step in shared.steps:
        (params,), features = shared.predict(step, z, None)
        assert features is None
        assert params.shape == (1, 120, 8, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_by_scale(kind: str) -> None:
    network, images = small(kind), smooth_images(2, 16)
    with torch.no_grad():
        bits = [*network.bits(images).values()]
        loss = network.loss(images)
    assert len(bits) == len(network.parts) == 4
    shape = network.shape(3)
    assert bits[3].item() == pytest.approx(2 * shape.channels * 4 * math.log2(shape.levels))
    coded = bits[:1] if kind == "rgb_shared" else bits[:3]
    assert [*loss] == [*network.parts[: len(coded)]]
    assert [*loss.values()] == pytest.approx([b.item() for b in coded], rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_beats_pytorchs_at_any_size(kind: str) -> None:
    images = smooth_images(4, 64)
    network = small(kind)
    plain = copy.deepcopy(network)
    Model.initialize(plain, 0)
    full = small(kind, features=64, blocks=8, levels=255)
    with torch.no_grad():
        start, default, large = (
            float(sum(each.bits(images).values())) for each in (network, plain, full)
        )
    assert start < 0.8 * default
    assert large < 1.5 * start


def test_rgb_pyramid_is_pillows_bicubic_applied_to_the_scale_before() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    pyramid = small("rgb").bottlenecks(torch.from_numpy(image).permute(2, 0, 1)[None])
    expected = Image.fromarray(image)
    for bottleneck in pyramid:
        size = (expected.width // 2, expected.height // 2)
        expected = expected.resize(size, Image.Resampling.BICUBIC)
        assert (bottleneck.symbols[0].permute(1, 2, 0).numpy() == np.asarray(expected)).all()


@pytest.mark.parametrize("missing", ["parametrization", "channel_coefficients"])
def test_pyramid_initialization_needs_its_parametrization(missing: str) -> None:
    needed = {"parametrization": "unit", "channel_coefficients": "centred"}
    settings = {"features": 12, "blocks": 0, "initialization": "pyramid", **needed}
    L3C(L3CSettings.model_validate(settings)).initialize(0)
    del settings[missing]
    with pytest.raises(ValueError, match=missing):
        L3C(L3CSettings.model_validate(settings)).initialize(0)


def test_centred_coefficients_are_eq_7_with_other_means() -> None:
    units, k = small("rgb").modules_of(small("rgb").steps[0])[1][0].units, 2
    raw = 0.1 * torch.randn(1, 24, 2, 2, generator=torch.Generator().manual_seed(1))
    parameters = units(raw)
    units.centred = False
    plain = units(raw)
    mu, lam = plain[:, 3 * k : 6 * k].unflatten(1, (3, k)), plain[:, 9 * k :].unflatten(1, (3, k))
    x = torch.tensor([40.0, 90.0])
    green = mu[:, 1] + lam[:, 0] * (x[0] - mu[:, 0])
    blue = mu[:, 2] + lam[:, 1] * (x[0] - mu[:, 0]) + lam[:, 2] * (x[1] - mu[:, 1])
    coded = parameters[:, 3 * k : 6 * k].unflatten(1, (3, k))
    assert torch.allclose(coded[:, 1] + lam[:, 0] * x[0], green, rtol=1e-3, atol=1e-2)
    both = coded[:, 2] + lam[:, 1] * x[0] + lam[:, 2] * x[1]
    assert torch.allclose(both, blue, rtol=1e-3, atol=1e-2)


def test_levels_do_not_depend_on_the_precision_of_training() -> None:
    values = torch.linspace(-1.2, 1.2, 2000).bfloat16().view(1, 1, 1, -1)
    _, symbols = quantize(values, 25)
    assert torch.equal(symbols, quantize(values.float(), 25)[1])
