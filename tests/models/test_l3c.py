"""Networks: sensible starts, and the coefficients of eq. 7."""

import copy

import pytest
import torch
from tiny_models import KINDS, smooth, untrained

from l3c.models.base import Model
from l3c.models.l3c import L3C, L3CSettings, quantize


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_beats_pytorchs_at_any_size(kind):
    images = torch.from_numpy(smooth(64, 64)).permute(2, 0, 1)[None]
    network = untrained(kind)
    plain = copy.deepcopy(network)
    Model.initialize(plain, 0)
    larger = {"features": 64, "blocks": 8} | ({"levels": 255} if kind != "interlaced" else {})
    with torch.no_grad():
        start, default, large = (
            float(sum(each.bits(images).values()))
            for each in (network, plain, untrained(kind, **larger))
        )
    assert start < 0.8 * default
    assert large < 1.5 * start


@pytest.mark.parametrize("missing", ["parametrization", "channel_coefficients"])
def test_pyramid_initialization_needs_its_parametrization(missing):
    needed = {"parametrization": "unit", "channel_coefficients": "centred"}
    settings = {"features": 12, "blocks": 0, "initialization": "pyramid", **needed}
    L3C(L3CSettings.model_validate(settings)).initialize(0)
    del settings[missing]
    with pytest.raises(ValueError, match=missing):
        L3C(L3CSettings.model_validate(settings)).initialize(0)


def test_centred_coefficients_are_eq_7_with_other_means():
    network, k = untrained("rgb"), 2
    units = network.modules_of(network.steps[0])[1][0].units
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


def test_levels_do_not_depend_on_the_precision_of_training():
    values = torch.linspace(-1.2, 1.2, 2000).bfloat16().view(1, 1, 1, -1)
    _, symbols = quantize(values, 25)
    assert torch.equal(symbols, quantize(values.float(), 25)[1])
