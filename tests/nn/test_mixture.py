"""Discretized logistic mixture: it sums to one, never underflows, and its gradient is right."""

import numpy as np
import pytest
import torch

from coder.range_coder import encode_mixture, mixture_cdf
from coder.shape import MixtureShape
from l3c.nn import mixture
from l3c.nn.layers import Units


def nats(params, x, levels):
    return mixture.negative_log_likelihood(x, params, levels)


def test_the_floor_is_what_the_coder_charges():
    shape = MixtureShape(1, 256, 2)
    raw = torch.tensor([0.0, 1.0, 3.0, 90.0, -2.0, 1.0]).view(1, 6, 1, 1)  # sharp at 3, wide at 90
    x = torch.arange(256.0).view(256, 1, 1, 1)
    params = mixture.split(raw.expand(256, -1, -1, -1), shape)
    floored = mixture.with_probability_floor(nats(params, x, 256), 256).flatten().numpy()
    charged = -np.log(np.diff(mixture_cdf(raw.view(1, 6).numpy(), shape)[0].astype(float)) / 2**24)
    assert [charged.max(), floored.max()] == pytest.approx([24 * np.log(2)] * 2)
    likely = charged < 9
    np.testing.assert_allclose(floored[likely], charged[likely], atol=2e-3)
    sharp = mixture.split(torch.tensor([0.0, 3.0, -7.0]).view(1, 3, 1, 1), MixtureShape(1, 256, 1))
    far = nats(sharp, torch.full((1, 1, 1, 1), 250.0), 256)  # no symbol is impossible
    assert far.item() == pytest.approx(246.5 * torch.e**7, rel=1e-3)


def test_training_has_the_limits_of_the_coder():
    """Whatever the network puts out, the loss is what the coder charges."""
    shape = MixtureShape(3, 16, 2, coupled=True)
    raw = 40 * torch.randn(1, shape.parameters, 6, 50, generator=torch.Generator().manual_seed(0))
    params = mixture.split(Units(shape, unit=False, centred=False)(raw), shape)
    symbols = torch.randint(0, 16, (1, 3, 6, 50), generator=torch.Generator().manual_seed(1))
    floored = mixture.with_probability_floor(nats(params, symbols.float(), 16), 16)
    flat = [each[0].flatten(1).T.contiguous().numpy() for each in (raw, symbols)]
    size = len(encode_mixture(flat[1].astype(np.uint16), flat[0], shape))
    assert 8 * size == pytest.approx(float(floored.sum()) / np.log(2), rel=0.02)


def test_gradients_lead_back_from_above_the_limits_and_stop_below():
    x = torch.tensor([-8.0, -7.0, 0.0, 8.0, 9.0, 9.0]).view(1, 6, 1, 1).requires_grad_()
    low, high = torch.full((1, 6, 1, 1), -7.0), torch.full((1, 6, 1, 1), 8.0)
    clipped = mixture.limit(x, low, high)
    assert clipped.flatten().tolist() == [-7, -7, 0, 8, 8, 8]
    clipped.backward(torch.tensor([-1.0, -1, 1, -1, 1, -1]).view(1, 6, 1, 1))
    assert x.grad.flatten().tolist() == [0, -1, 1, -1, 1, 0]


@pytest.mark.parametrize(
    ("shape", "unit"),
    [
        (MixtureShape(3, 256, 5, coupled=True), True),
        (MixtureShape(3, 256, 10, coupled=True, sigmoid=True), False),
        (MixtureShape(5, 25, 3), True),
        (MixtureShape(2, 200, 64), False),
    ],
    ids=str,
)
def test_one_pass_gives_the_same_nats_and_gradients(shape, unit):
    """Of outputs in the network's units, beyond the limits too, and more pixels than blocks."""
    units = Units(shape, unit, centred=unit and shape.coupled)
    torch.manual_seed(0)
    raw = (torch.randn(2, shape.parameters, 9, 31) * 6 - units.shift) / units.scale
    x = torch.randint(0, shape.levels, (2, shape.channels, 9, 31)).float()
    x[:, :, :2], x[:, :, -2:] = 0, shape.levels - 1  # one edge only
    found = []
    for fused in (True, False):
        outputs = raw.clone().requires_grad_()
        symbols = x.clone().requires_grad_(not shape.coupled)
        if fused:
            total = units.nats(symbols, outputs)
        else:
            params = mixture.split(units(outputs), shape)
            total = nats(params, symbols, shape.levels).sum()
        total.backward()
        found.append([total.detach(), outputs.grad, symbols.grad])
    with torch.no_grad():
        assert units.nats(x, raw) == found[0][0]
    for ours, expected in zip(*found, strict=True):
        if expected is None:
            assert ours is None
            continue
        assert float((ours - expected).norm() / expected.norm()) < 2e-5
