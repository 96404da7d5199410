"""Networks with a pyramid: sensible starts, eq. 7; RGB tile <-> streams of any size; sampling."""

import copy
import math

import numpy as np
import pytest
import torch
from tiny_models import KINDS, STREAMS, integers, noise, smooth, tiny, untrained

from coder.shape import MixtureShape
from l3c.models.base import Model
from l3c.models.l3c import L3C, L3CSettings, quantize
from l3c.nn import mixture


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


CODECS = {kind: tiny(kind).codec() for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 1), (3, 5), (8, 8), (17, 31), (64, 40)])
def test_round_trip(kind, size):
    codec = CODECS[kind]
    for tile in (noise(*size, 3), np.full((*size, 3), 255, np.uint8), smooth(*size)):
        streams = codec.encode(tile)
        assert len(streams) == codec.streams == STREAMS[kind]
        decoded = codec.decode(streams, *size)
        assert decoded.dtype == np.uint8
        assert (decoded == tile).all()
    bits = codec.symbol_bits(tile)
    shapes = [plane.shape for plane in bits.values()]
    assert shapes == [plane.shape[1:] for plane in codec.symbols(tile)]
    assert bits["x"].shape == (3, *size)
    assert all((plane >= 0).all() for plane in bits.values())
    total = sum(float(plane.sum()) for plane in bits.values())
    assert codec.cross_entropy_bits(tile) == pytest.approx(total)
    assert 8 * sum(map(len, streams)) == pytest.approx(total, rel=5e-3, abs=64 * codec.streams)


def test_samples_follow_their_mixture():
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


@pytest.mark.parametrize("kind", ["l3c", "interlaced"])
def test_batches_are_sampled_from_nothing(kind):
    codec = tiny(kind).codec("cpu", integers(kind))
    images = codec.sample_images(3, 45, 30, seed=3)
    assert (images.shape, images.dtype) == ((3, 45, 30, 3), np.uint8)
    assert len({image.tobytes() for image in images}) == 3
    assert (codec.sample_images(3, 45, 30, seed=3) == images).all()
    assert not (codec.sample_images(3, 45, 30, seed=4) == images).all()


def test_levels_do_not_depend_on_the_precision_of_training():
    values = torch.linspace(-1.2, 1.2, 2000).bfloat16().view(1, 1, 1, -1)
    assert torch.equal(quantize(values, 25), quantize(values.float(), 25))
