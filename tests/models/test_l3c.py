"""Networks: the reference's shapes and sizes, the baselines' pyramid, a sensible start."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from l3c.models.base import Model
from l3c.models.l3c import L3C, SOFTNESS, L3CSettings, quantize, to_symbols, to_values
from l3c.models.pyramid import PyramidModel
from l3c.nn.mixture import negative_log_likelihood
from l3c.recipe import Recipe

KINDS = ["l3c", "rgb", "rgb_shared", "interlaced"]
START = {"parametrization": "unit", "initialization": "pyramid"}


def made(recipe: Recipe) -> PyramidModel:
    model = recipe.make_model()
    assert isinstance(model, PyramidModel)
    model.initialize(0)
    return model


def small(kind: str, **settings: Any) -> PyramidModel:
    shape = {"features": 12, "blocks": 1, "mixtures": 2, "channel_coefficients": "centred"}
    if kind == "interlaced":
        settings.pop("levels", None)
        return made(Recipe(name="small", family=kind, model=shape | settings))
    return made(Recipe(name="small", model=shape | START | {"kind": kind} | settings))


def smooth_images(count: int, side: int) -> torch.Tensor:
    ramp = torch.linspace(30, 200, side)
    plane = (ramp[None, :] * 0.6 + ramp[:, None] * 0.4).round()
    shifts = torch.arange(count).view(-1, 1, 1, 1) * 5 + torch.tensor([0, 9, -7]).view(1, 3, 1, 1)
    return (plane + shifts).clamp(0, 255).to(torch.uint8)


def test_paper_network_has_about_five_million_parameters() -> None:
    count = sum(p.numel() for p in L3C(L3CSettings()).parameters())
    assert 4.8e6 < count < 5.3e6


def test_paper_classifier_sizes() -> None:
    network = L3C(L3CSettings())
    assert network.shape(0).parameters == 120
    assert network.shape(1).parameters == 150


@pytest.mark.parametrize("kind", KINDS)
def test_bits_by_scale(kind: str) -> None:
    network, images = small(kind), smooth_images(2, 16)
    with torch.no_grad():
        bits = [*network.bits(images).values()]
        loss = network.loss(images)
    assert len(bits) == len(network.parts) == 4
    levels = network.shape(3).levels
    channels = network.shape(3).channels
    assert bits[3].item() == pytest.approx(2 * channels * 4 * math.log2(levels))
    coded = bits[:1] if kind == "rgb_shared" else bits[:3]
    assert [*loss] == [*network.parts[: len(coded)]]
    assert [*loss.values()] == pytest.approx([b.item() for b in coded], rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_pyramid_initialization_starts_near_a_bilinear_predictor(kind: str) -> None:
    images = smooth_images(4, 64)
    network = small(kind)
    plain = copy.deepcopy(network)
    Model.initialize(plain, 0)
    with torch.no_grad():
        start = sum(network.bits(images).values()) / images.numel()
        default = sum(plain.bits(images).values()) / images.numel()
    assert start < 0.8 * default


def test_rgb_pyramid_is_pillows_bicubic_applied_to_the_scale_before() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    pyramid = small("rgb").bottlenecks(torch.from_numpy(image).permute(2, 0, 1)[None])
    expected = Image.fromarray(image)
    for s in range(3):
        expected = expected.resize(
            (expected.width // 2, expected.height // 2), Image.Resampling.BICUBIC
        )
        symbols = pyramid[s].symbols[0].permute(1, 2, 0).numpy()
        assert (symbols == np.asarray(expected)).all()


def test_rgb_shared_uses_one_predictor_without_fusion() -> None:
    network = small("rgb_shared")
    assert len(network.predictors) == len(network.classifiers) == 1
    z = torch.zeros(1, 3, 4, 4)
    for step in network.steps:
        (params,), features = network.predict(step, z, None)
        assert features is None
        assert params.shape == (1, network.shape(0).parameters, 8, 8)


@pytest.mark.parametrize("kind", ["l3c", "rgb"])
def test_the_pyramid_starts_as_an_interpolation(kind: str) -> None:
    network = small(kind, features=16, levels=255)
    row = 60 + 2 * torch.arange(48)
    image = row.expand(1, 3, 48, 48).to(torch.uint8)
    with torch.no_grad():
        pyramid = network.bottlenecks(image)
        (params,), _ = network.predict(network.steps[-1], pyramid[0].values, None)
    predicted = network.split(0, params).mu[0, 8:-8, 8:-8, 0]  # of red, away from the borders
    assert (predicted - row[8:-8, None]).abs().max() < 3


def test_the_pixels_that_z_was_sampled_from_start_nearly_free() -> None:
    image = torch.randint(64, 192, (1, 3, 32, 32), dtype=torch.uint8)
    network = small("l3c", features=16, levels=255)
    with torch.no_grad():
        pyramid = network.bottlenecks(image)
        (params,), _ = network.predict(network.steps[-1], pyramid[0].values, None)
    mixture = network.split(0, params)
    bits = negative_log_likelihood(image.float(), mixture, 256)[0].mean(-1) / math.log(2)
    assert bits[::2, ::2].mean() < 0.3 * bits[1::2, 1::2].mean()


def test_interlaced_steps_start_as_interpolations() -> None:
    network = small("interlaced", features=16)
    ramp = 60 + 2 * torch.arange(48)[None, :] + torch.arange(48)[:, None]
    image = ramp.expand(1, 3, 48, 48).to(torch.uint8)
    with torch.no_grad():
        planes = [network.values(0, image), *(z.values for z in network.bottlenecks(image))]
        features = None
        for step in network.steps:
            outputs, features = network.predict(step, step.inputs(planes), features)
            for target, params in zip(step.targets, outputs, strict=True):
                red = network.split(step.s - 1, params).mu[0, 4:-4, 4:-4, 0, 0]
                if step.s == 1:
                    assert (red - target.select(ramp)[4:-4, 4:-4]).abs().max() < 3


@pytest.mark.parametrize("kind", ["l3c", "interlaced"])
def test_the_pyramid_starts_as_well_at_full_size(kind: str) -> None:
    images = smooth_images(1, 32)
    with torch.no_grad():
        little = small(kind, features=16, levels=255).bits(images)
        full = small(kind, features=64, blocks=8, levels=255).bits(images)
    assert float(sum(full.values())) < 1.1 * float(sum(little.values()))


@pytest.mark.parametrize("missing", ["parametrization", "channel_coefficients"])
def test_pyramid_initialization_needs_its_parametrization(missing: str) -> None:
    needed = {"parametrization": "unit", "channel_coefficients": "centred"}
    settings = {"features": 12, "blocks": 0, "initialization": "pyramid", **needed}
    L3C(L3CSettings.model_validate(settings)).initialize(0)
    del settings[missing]
    with pytest.raises(ValueError, match=missing):
        L3C(L3CSettings.model_validate(settings)).initialize(0)


def test_quantizer() -> None:
    for count in (2, 25, 255):
        symbols = torch.arange(count)
        assert torch.equal(to_symbols(to_values(symbols, count), count), symbols)
    z = torch.tensor([-7.0, -1.0, -0.97, 0.03, 0.05, 1.2], requires_grad=True)
    values, symbols = quantize(z, 25)
    assert symbols.tolist() == [0, 0, 0, 12, 13, 24]  # the nearest; the ends clip
    assert torch.equal(values.detach(), to_values(symbols, 25))
    values.sum().backward()
    copied = z.detach().clone().requires_grad_()
    levels = to_values(torch.arange(25), 25)
    weights = torch.softmax(-SOFTNESS * (copied.unsqueeze(-1) - levels) ** 2, -1)
    (weights * levels).sum().backward()  # the soft assignment
    assert z.grad is not None
    assert torch.allclose(z.grad, copied.grad)


def test_centred_coefficients_are_eq_7_with_other_means() -> None:
    classifier = small("rgb").classifiers[0]
    torch.manual_seed(1)
    f = torch.randn(1, 12, 2, 2)
    k = 2
    with torch.no_grad():
        parameters = classifier(f)
        classifier.units.centred = False
        plain = classifier(f)
    mu, lam = plain[:, 3 * k : 6 * k].unflatten(1, (3, k)), plain[:, 9 * k :].unflatten(1, (3, k))
    x = torch.tensor([40.0, 90.0])
    green = mu[:, 1] + lam[:, 0] * (x[0] - mu[:, 0])
    blue = mu[:, 2] + lam[:, 1] * (x[0] - mu[:, 0]) + lam[:, 2] * (x[1] - mu[:, 1])
    coded = parameters[:, 3 * k : 6 * k].unflatten(1, (3, k))
    assert torch.allclose(coded[:, 1] + lam[:, 0] * x[0], green, rtol=1e-4)
    assert torch.allclose(coded[:, 2] + lam[:, 1] * x[0] + lam[:, 2] * x[1], blue, rtol=1e-4)
