"""Parity with the authors' release: the same weights give the same symbols, bits and gradients."""

import math

import numpy as np
import pytest
import release
import torch

from l3c.models.l3c import L3C, L3CSettings, quantize, to_values
from l3c.nn import mixture

KINDS = list(release.NAMES)
SCALES = {"l3c": 3, "rgb": 3, "rgb_shared": 4}  # that the release evaluates
HALF = 12.0  # a value of z in -1..1, in symbols


def images(outputs):
    return torch.from_numpy(outputs["image"]).permute(2, 0, 1)[None]


def in_symbols(shape, parameters, axis=0):
    """Parameters of the release, whose unit is a value of z or a pixel."""
    if shape.coupled:
        return parameters
    logits, mu, log_sigma = np.split(parameters, 3, axis)
    return np.concatenate([logits, mu * HALF + HALF, log_sigma + math.log(HALF)], axis)


@pytest.mark.parametrize("kind", KINDS)
def test_symbols_parameters_and_bits(kind):
    outputs, network = release.outputs(kind), release.network(kind, SCALES[kind])
    batch = images(outputs)
    with torch.no_grad():
        pyramid = network.bottlenecks(batch)
        bits = [float(each) for each in network.bits(batch).values()]
        values = [network.values(0, batch), *(each.values for each in pyramid)]
        planes = [batch.float(), *(each.symbols.float() for each in pyramid)]
        for s, _, params in network.predictions(values):
            compare_step(network, s, params, planes[s], outputs)
    for s, bottleneck in enumerate(pyramid, start=1):
        np.testing.assert_array_equal(bottleneck.symbols[0].numpy(), outputs[f"z{s}"])
    uniform = outputs[f"uniform_bits{SCALES[kind]}"]
    np.testing.assert_allclose(bits, [*outputs["bits"], uniform], rtol=1e-5)
    assert sum(bits) / batch.numel() == pytest.approx(float(outputs["bpsp"]), rel=1e-5)


def compare_step(network, s, raw, plane, outputs):
    """The parameters of z^(s) and what its symbols cost, with the release's."""
    shape, stride = network.shape(s), outputs[f"stride{s}"]
    ours = raw[0, :, ::stride, ::stride].numpy()
    theirs = in_symbols(shape, outputs[f"parameters{s}"])
    each = shape.channels * shape.mixtures
    mu = slice(each, 2 * each)
    np.testing.assert_allclose(ours[mu], theirs[mu], atol=1e-3)
    np.testing.assert_allclose(np.delete(ours, mu, 0), np.delete(theirs, mu, 0), atol=1e-5)
    params = network.split(s, raw)
    means = params.mu
    if params.lam is not None:
        means = mixture.couple(means, params.lam, plane.permute(0, 2, 3, 1)[..., None])
    expected = outputs[f"mu{s}"] if shape.coupled else outputs[f"mu{s}"] * HALF + HALF
    found = means[0, ::stride, ::stride].permute(2, 3, 0, 1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)
    nats = mixture.negative_log_likelihood(plane, params, shape.levels)[0].permute(2, 0, 1).numpy()
    compare_nats(nats, outputs[f"symbol_bits{s}"] * math.log(2))


def compare_nats(ours, theirs):
    """The release subtracts two sigmoids in float32: its p is off by 1e-7, whatever p is.

    It also gives no component less than 1e-12; below 12 nats that does not show.
    """
    likely = theirs < 12
    assert likely.mean() > 0.1
    tolerance = 1e-4 + 1e-6 * np.exp(theirs[likely].astype(float))
    assert (np.abs(ours - theirs)[likely] <= tolerance).all()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    network, batch = release.network(kind), images(release.outputs(kind))
    (torch.stack([*network.loss(batch).values()]).sum() / batch.numel()).backward()
    expected = release.gradients(kind)
    for theirs, ours in release.keys(kind).items():
        gradient = network.get_parameter(ours).grad
        norm, total = expected[theirs]
        assert float(gradient.norm()) == pytest.approx(norm, rel=1e-4), theirs
        least = 1e-4 * norm * math.sqrt(gradient.numel())  # of a sum of terms that cancel
        assert float(gradient.double().sum()) == pytest.approx(total, abs=least), theirs


def test_quantizer():
    pieces = np.load(release.FOLDER / "original_pieces.npz")
    z = torch.from_numpy(pieces["quantizer_z"]).requires_grad_()
    values, symbols = quantize(z, 25)
    (values * torch.from_numpy(pieces["quantizer_weight"])).sum().backward()
    np.testing.assert_array_equal(symbols.numpy(), pieces["quantizer_symbols"])
    np.testing.assert_allclose(values.detach().numpy(), pieces["quantizer_values"], atol=1e-6)
    np.testing.assert_allclose(z.grad.numpy(), pieces["quantizer_gradient"], atol=1e-5)
    np.testing.assert_allclose(to_values(torch.arange(25), 25).numpy(), pieces["levels"], atol=1e-6)


@pytest.mark.parametrize("piece", ["rgb", "z", "z_clamped"])
def test_mixture(piece):
    pieces = np.load(release.FOLDER / "original_pieces.npz")
    raw = torch.from_numpy(pieces[f"{piece}_parameters"]).requires_grad_()
    network = L3C(L3CSettings(features=12, blocks=0, mixtures=4))
    step = network.steps[-1 if piece == "rgb" else -2]  # that predicts x, or z^(1)
    units = network.modules_of(step)[1][0].units
    shape = units.shape
    params = mixture.split(units(raw), shape)
    x = torch.from_numpy(pieces[f"{piece}_symbols"]).float()
    nats = mixture.negative_log_likelihood(x, params, shape.levels)
    nats.sum().backward()
    means = params.mu
    if params.lam is not None:
        means = mixture.couple(means, params.lam, x.permute(0, 2, 3, 1)[..., None])
    unit, zero, log_unit = (1, 0, 0) if shape.coupled else (HALF, HALF, math.log(HALF))
    compared = ((means, "mu", unit, zero), (params.log_sigma, "log_sigma", 1, log_unit))
    for found, name, scale, shift in compared:
        ours = found.detach().movedim((1, 2), (-2, -1)).numpy()
        expected = pieces[f"{piece}_{name}"] * scale + shift
        np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-5, err_msg=name)
    theirs = pieces[f"{piece}_nats"]
    compare_nats(nats.detach().movedim(-1, 1).numpy(), theirs)
    owners = [*range(shape.channels)] * 3 + ([1, 2, 2] if shape.coupled else [])
    likely = np.repeat(theirs[:, owners] < 5, shape.mixtures, axis=1)
    gradient = pieces[f"{piece}_gradient"][likely]
    np.testing.assert_allclose(raw.grad.numpy()[likely], gradient, rtol=2e-4, atol=1e-4)
    at_the_limit = params.log_sigma <= -7 + log_unit + 1e-6
    assert bool(at_the_limit.any()) == (piece == "z_clamped")
