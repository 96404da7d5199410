"""The integer path: what it computes, on every carrier, and that nothing in it is rounded."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import KINDS, integer_network, integers, noise, smooth, tiny
from torch.nn.functional import conv2d

from l3c.integer import exact, reference
from l3c.integer.convolution import BoundError, Bounds, IntegerConvolution, as_int64
from l3c.integer.network import IntegerNetwork, uncentre

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_float32_carries_what_int64_says(kind: str, memory_format: torch.memory_format) -> None:
    network, path = tiny(kind), copy.deepcopy(integer_network(kind)).prepare(CPU, memory_format)
    image = np.concatenate([smooth(21, 27), noise(20, 27, 3)])
    symbols = network.codec().symbols(image)
    features = wanted_features = None
    for step in network.steps:
        inputs = step.inputs(symbols)
        outputs, features = path.predict(step, inputs, features)
        wanted, wanted_features = reference.predict(path, step, inputs[0].numpy(), wanted_features)
        for params, expected in zip(outputs, wanted, strict=True):
            assert params.dtype == torch.int32
            np.testing.assert_array_equal(params[0].numpy(), expected)
        assert (features is None) == (wanted_features is None)
        if features is not None:
            np.testing.assert_array_equal(features[0].numpy(), wanted_features)


@pytest.mark.parametrize("kind", KINDS)
def test_stands_for_the_float_network(kind: str) -> None:
    image = smooth(48, 40)
    wanted = tiny(kind).codec().cross_entropy_bits(image)
    codec = tiny(kind).codec("cpu", integers(kind))
    assert codec.cross_entropy_bits(image) == pytest.approx(wanted, rel=0.01)
    assert 8 * sum(map(len, codec.encode(image))) == pytest.approx(wanted, rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_every_partial_sum_fits_the_carrier(kind: str) -> None:
    largest = integer_network(kind).check()
    assert len(largest) == len(list(integer_network(kind).layers()))
    assert 1 << 20 < max(largest.values()) <= 1 << 24


def filled(weight: int, high: int, bias: int = 0) -> IntegerConvolution:
    layer = IntegerConvolution(4, 2, 3)
    layer.weight.fill_(weight)
    layer.bias.fill_(bias)
    layer.high.fill_(high)
    return layer


def test_bounds_are_those_of_the_worst_input() -> None:
    inputs = Bounds(np.array([-7, 0, -1, 0]), np.array([7, 5, 2, 0]))
    layer = filled(-3, 10, bias=4)
    # All but the bias negative: 9 (7 + 5 + 2) 3 down, 9 (7 + 1) 3 + 4 up.
    assert layer.check(inputs, None, "x") == 9 * 14 * 3
    worst = torch.from_numpy(inputs.high).view(1, 4, 1, 1).expand(1, 4, 3, 3)
    a = reference.np.einsum(
        "oikl,ihwkl->ohw", as_int64(layer.weight), worst[0].numpy()[:, None, None]
    )
    assert abs(a).max() == 9 * 14 * 3


def test_what_could_be_rounded_is_refused() -> None:
    inputs = Bounds(np.zeros(4, np.int64), np.full(4, 1 << 10))
    assert filled(455, 1).check(inputs, None, "x") == 455 * 36 << 10
    with pytest.raises(BoundError, match=r"x: a partial sum can reach 16809984, more than 2\^24"):
        filled(456, 1).check(inputs, None, "x")
    with pytest.raises(BoundError, match="more than"):
        filled(1, 1 << 25).check(inputs, None, "x")
    with pytest.raises(BoundError, match="more than"):
        filled(1, 1).check(inputs, Bounds(np.zeros(2), np.full(2, (1 << 24) - 36000)), "x")
    with pytest.raises(BoundError, match="empty range"):
        filled(1, -1).check(inputs, None, "x")


def test_integers_that_would_wrap_the_proof_are_refused() -> None:
    inputs = Bounds(np.zeros(4, np.int64), np.full(4, 1 << 24))
    with pytest.raises(BoundError, match="beyond any proof"):
        filled(-(2**31), 1).check(inputs, None, "x")
    layer = filled(0, 1)
    layer.shift.fill_(-(2**31))
    with pytest.raises(BoundError, match="shifts by more than 24 bits"):
        layer.check(inputs, None, "x")
    path = copy.deepcopy(integer_network())
    path.classifiers[0].out.high.fill_(1 << 24)
    with pytest.raises(BoundError, match="clips beyond the coder's grids"):
        path.check()


def test_a_negative_shift_alone_is_exact() -> None:
    inputs = Bounds(np.zeros(4, np.int64), np.full(4, 1 << 10))
    layer = filled(400, 1 << 20)
    layer.shift.fill_(-5)
    assert layer.check(inputs, None, "x") == 400 * 36 << 10
    with pytest.raises(BoundError, match="more than"):
        layer.check(inputs, Bounds(np.zeros(2), np.ones(2)), "x")


@given(st.integers(-(2**24), 2**24), st.integers(-4, 24))
def test_rounds_to_nearest_ties_to_even(value: int, shift: int) -> None:
    exactly = value * 2.0**-shift
    assert reference.round_shift(np.array([value]), shift)[0] == np.rint(exactly)
    assert torch.tensor(exactly).round() == np.rint(exactly)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_a_layer_is_the_same_in_both(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    layer = IntegerConvolution(5, 3, 3, dilation=int(rng.integers(1, 4)))
    layer.weight.copy_(torch.from_numpy(rng.integers(-300, 300, (3, 5, 3, 3))))
    layer.bias.copy_(torch.from_numpy(rng.integers(-(2**20), 2**20, 3)))
    layer.shift.copy_(torch.from_numpy(rng.integers(-2, 12, 3)))
    layer.low.copy_(torch.from_numpy(rng.integers(-(2**14), 0, 3)))
    layer.high.copy_(torch.from_numpy(rng.integers(0, 2**14, 3)))
    x, residual = (
        rng.integers(-500, 500, (5, height, width)),
        rng.integers(-99, 99, (3, height, width)),
    )
    layer.prepare(torch.channels_last)
    with exact.exact_arithmetic(CPU):
        got = layer(*(torch.from_numpy(a[None]).float() for a in (x, residual)))
    np.testing.assert_array_equal(got[0].numpy(), reference.convolve(layer, x, residual))


@given(st.integers(0, 2**32 - 1))
def test_uncentring_never_leaves_32_bits(seed: int) -> None:
    shape = tiny().shape(0)
    rng = np.random.default_rng(seed)
    k = shape.mixtures
    largest = np.repeat([1, 2**17 - 1, 1, 2**14], 3 * k)
    values = rng.choice([-1, 1], (12 * k, 2, 2)) * largest[:, None, None]
    got = uncentre(torch.from_numpy(values[None]).int(), shape)
    np.testing.assert_array_equal(got[0].numpy(), reference.uncentre(values, k))


def test_identity_is_of_the_integers() -> None:
    path = copy.deepcopy(integer_network())
    assert path.identity() == integer_network().identity() != integer_network(seed=1).identity()
    layer: IntegerConvolution = next(path.layers()).convolution
    layer.weight[0, 0, 0, 0] += 1
    assert path.identity() != integer_network().identity()


def test_settings_that_round_are_overruled() -> None:
    path: IntegerNetwork = copy.deepcopy(integer_network()).prepare(CPU)
    step = path.steps[0]
    inputs = step.inputs(tiny().codec().symbols(smooth(32, 32)))
    (wanted,), _ = path.predict(step, inputs, None)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            (got,), f = path.predict(step, inputs, None)
    finally:
        torch.set_float32_matmul_precision(before)
    assert f is not None
    assert f.dtype == torch.float32
    assert torch.equal(got, wanted)


def test_settings_come_back_when_the_last_thread_leaves() -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        matmul = torch.backends.mkldnn.matmul
        before = matmul.fp32_precision
        first, second = exact.exact_arithmetic(CPU), exact.exact_arithmetic(CPU)
        first.__enter__()
        with ThreadPoolExecutor(1) as other:
            other.submit(second.__enter__).result()
            first.__exit__(None, None, None)
            assert matmul.fp32_precision == "ieee" != before
            other.submit(second.__exit__, None, None, None).result()
        assert matmul.fp32_precision == before
    finally:
        torch.set_float32_matmul_precision("highest")


def in_bfloat16(x: torch.Tensor, w: torch.Tensor, padding: int) -> torch.Tensor:
    return conv2d(x.bfloat16().float(), w, padding=padding)


def in_two_bfloat16(x: torch.Tensor, w: torch.Tensor, padding: int) -> torch.Tensor:
    (x1, x2), (w1, w2) = (
        (a.bfloat16().float(), (a - a.bfloat16().float()).bfloat16().float()) for a in (x, w)
    )
    parts = [conv2d(a, b, padding=padding) for a, b in ((x1, w1), (x1, w2), (x2, w1))]
    return parts[0] + parts[1] + parts[2]


def by_winograd(x: torch.Tensor, w: torch.Tensor, padding: int) -> torch.Tensor:
    """F(2x2, 3x3): Lavin and Gray (2016)."""
    bt = torch.tensor([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1.0]])
    g = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1.0]])
    at = torch.tensor([[1, 1, 1, 0], [0, 1, -1, -1.0]])
    n, _, height, width = x.shape
    tiles = torch.nn.functional.pad(x, [padding] * 4).unfold(2, 4, 2).unfold(3, 4, 2)
    products = torch.einsum("nihwab,oiab->nohwab", bt @ tiles @ bt.T, g @ w @ g.T)
    y = at @ products @ at.T  # (N, O, H / 2, W / 2, 2, 2)
    return y.permute(0, 1, 2, 4, 3, 5).reshape(n, len(w), height, width)


@pytest.mark.parametrize("wrong", [in_bfloat16, in_two_bfloat16, by_winograd])
def test_a_machine_that_rounds_is_refused(
    wrong: Callable[..., torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(1)
    x, w = (torch.randint(-9, 9, (1, 2, 8, 8), generator=generator).float() for _ in range(2))
    assert torch.equal(wrong(x, w[:, :, :3, :3], 1), conv2d(x, w[:, :, :3, :3], padding=1))
    monkeypatch.setattr(exact.functional, "conv2d", wrong)
    with pytest.raises(exact.InexactError, match="rounds inside float32 convolutions on cpu"):
        copy.deepcopy(integer_network()).prepare(CPU)
