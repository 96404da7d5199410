"""From a float network to integers: rounding, grids, files."""

from __future__ import annotations

import pytest
import torch
from tiny_models import KINDS, integers, smooth, tiny

from l3c.integer.calibration import calibrate
from l3c.integer.conversion import convert, round_filters, trace
from l3c.integer.network import parameter_grids
from l3c.nn.layers import Conv


def test_rounding_in_turn_beats_rounding_to_nearest() -> None:
    random = torch.Generator().manual_seed(0)

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=random, dtype=torch.float64)

    inputs = normal(1, 500) + 0.05 * normal(20, 500)  # neighbouring pixels
    x = torch.cat([inputs, torch.ones(1, 500)])
    weights, step = normal(7, 21), torch.full((7,), 0.25)
    rounded = round_filters(weights, x @ x.T, step)
    assert torch.equal(rounded, rounded.round())
    assert (rounded * 0.25 - weights).abs().max() < 1.5  # near, if not nearest
    nearest = (weights / 0.25).round()
    error, plain = (((q * 0.25 - weights) @ x).square().mean() for q in (rounded, nearest))
    assert error < 0.2 * plain
    unseen = torch.cat([torch.zeros(2, 9), torch.ones(3, 9)]).double()  # and identical inputs
    (rounded,) = round_filters(torch.full((1, 5), 0.4).double(), unseen @ unseen.T, torch.ones(1))
    assert rounded[:2].tolist() == [0, 0]
    assert abs(rounded[2:].sum() - 1.2) < 0.5


def test_calibration_sees_every_convolution_of_the_decoder() -> None:
    network = tiny()
    statistics = calibrate(network, [smooth(16, 24), smooth(3, 200)])
    modules = {name for name, each in network.named_modules() if isinstance(each, Conv)}
    assert set(statistics) == {name for name in modules if not name.startswith("extractors")}
    inputs = statistics["predictors.0.stack.last"]
    assert (inputs.sensitivity > 0).any()
    assert (inputs.largest_residual > 0).any()
    assert inputs.moment[-1, -1] == 8 * 12  # positions; the other image is too small
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(("kind", "up"), [("l3c", 1), ("interlaced", 0)])
def test_channels_are_followed_through_the_network(kind: str, up: int) -> None:
    layers = trace(tiny(kind))
    head = layers["predictors.0.head"]
    added = layers["predictors.0.stack.blocks.0.conv2"].residual
    assert added is not None
    assert head.residual is not None
    assert (added[:, 0] == head.outputs).all()
    assert (head.residual.flatten() == layers[f"predictors.{up}.up.conv"].outputs).all()


@pytest.mark.parametrize("kind", KINDS)
def test_stands_for_the_float_network(kind: str) -> None:
    image = smooth(48, 40)
    wanted = tiny(kind).codec().cross_entropy_bits(image)
    codec = tiny(kind).codec("cpu", integers(kind))
    assert codec.cross_entropy_bits(image) == pytest.approx(wanted, rel=0.01)
    assert 8 * sum(map(len, codec.encode(image))) == pytest.approx(wanted, rel=0.03)


def test_nothing_to_calibrate_on_is_an_error() -> None:
    with pytest.raises(ValueError, match="8 pixels"):
        convert(tiny(), [smooth(7, 100)])


def test_parameters_are_clipped_where_the_coder_clips() -> None:
    shape = tiny().shape(0)
    bits, low, high = parameter_grids(shape)
    assert len(bits) == shape.parameters
    each = 3 * shape.mixtures
    assert [int(bits[i * each]) for i in range(4)] == [6, 8, 6, 12]
    assert (low[2 * each], high[2 * each]) == (-448, 512)
    assert (low <= 0).all()
    assert (high > 0).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("predictors.0.head.weight", float("nan")),
        ("predictors.0.head.weight", 1e38),  # finite, but not what comes of it
        ("classifiers.0.out.bias", float("inf")),
    ],
)
def test_what_is_not_finite_is_refused(name: str, value: float) -> None:
    network = tiny()
    with torch.no_grad():
        network.get_parameter(name)[0] = value
    with pytest.raises(ValueError, match="finite"):
        convert(network, [smooth(32, 32)])
