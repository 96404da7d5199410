"""Mixture coding: compiled coder against reference, CDFs at every code point, extremes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mixture_samples import ONE, SIGMOID, WIDE, Z, sample

from coder import reference
from coder.errors import CorruptStreamError
from coder.range_coder import decode_mixture, encode_mixture, mixture_cdf
from coder.shape import MixtureShape, lane_count

RGB = MixtureShape(channels=3, levels=256, mixtures=4, coupled=True)
SHAPES = [RGB, SIGMOID, Z, WIDE, ONE]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pixels", [0, 1, 2, 9, 130])
def test_reference_and_compiled_coder_give_the_same_bytes(shape: MixtureShape, pixels: int) -> None:
    parameters, symbols = sample(shape, pixels)
    data = encode_mixture(symbols, parameters, shape)
    assert data == reference.encode_mixture(symbols, parameters, shape)
    assert (decode_mixture(data, parameters, shape) == symbols).all()
    assert (reference.decode_mixture(data, parameters, shape) == symbols).all()


def test_lanes_agree_with_the_reference_and_do_not_depend_on_threads() -> None:
    pixels = 8 * 4096 + 5
    parameters, symbols = sample(Z, pixels)
    assert lane_count(pixels) == 8
    streams = {encode_mixture(symbols, parameters, Z, threads=n) for n in (1, 2, 3)}
    assert streams == {reference.encode_mixture(symbols, parameters, Z)}
    for threads in (1, 2, 3):
        assert (decode_mixture(streams.copy().pop(), parameters, Z, threads) == symbols).all()


any_float = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([RGB, SIGMOID, Z, ONE]), st.data())
def test_any_finite_parameters_code_any_symbols(shape: MixtureShape, data: st.DataObject) -> None:
    pixels = data.draw(st.integers(1, 12))
    parameters = data.draw(hnp.arrays(np.float32, (pixels, shape.parameters), elements=any_float))
    symbols = data.draw(
        hnp.arrays(np.int64, (pixels, shape.channels), elements=st.integers(0, shape.levels - 1))
    )
    stream = encode_mixture(symbols, parameters, shape)
    assert stream == reference.encode_mixture(symbols, parameters, shape)
    assert (decode_mixture(stream, parameters, shape) == symbols).all()


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.int32, (3, RGB.parameters), elements=st.integers(-(2**31), 2**31 - 1)),
    hnp.arrays(np.int64, (3, 3), elements=st.integers(0, 255)),
)
def test_cdf_of_any_grid_parameters_is_strictly_increasing(
    parameters: np.ndarray, before: np.ndarray
) -> None:
    for channel in range(3):
        cdf = mixture_cdf(parameters, RGB, channel, before).astype(np.int64)
        assert (cdf[:, 0] == 0).all()
        assert (cdf[:, -1] == 1 << 24).all()
        assert (np.diff(cdf) >= 1).all()
        pixel = reference.Pixel(parameters[0], RGB)
        mixture = pixel.mixture(channel, before[0, :channel].tolist())
        assert cdf[0].tolist() == [mixture.cdf(v) for v in range(257)]


def test_coded_size_is_close_to_the_float_cross_entropy() -> None:
    parameters, _ = sample(RGB, 20_000, seed=3)
    c, k = 3, 4
    part = parameters[:, : 3 * c * k].reshape(-1, 3, c, k).astype(np.float64)
    lam = parameters[:, 3 * c * k :].reshape(-1, 3, k).astype(np.float64)
    lam[:] = 0
    parameters[:, 3 * c * k :] = 0
    weights = np.exp(part[:, 0] - part[:, 0].max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)

    def cdf(edge: np.ndarray) -> np.ndarray:
        argument = (edge[..., None] - part[:, 1]) / np.exp(np.maximum(part[:, 2], -7))
        return (weights * 0.5 * (1 + np.tanh(argument / 2))).sum(-1)

    rng = np.random.default_rng(4)
    component = (weights.cumsum(-1) > rng.uniform(size=(len(weights), c, 1))).argmax(-1)[..., None]
    mu = np.take_along_axis(part[:, 1], component, -1)[..., 0]
    sigma = np.exp(np.take_along_axis(part[:, 2], component, -1)[..., 0])
    x = np.clip(np.rint(mu + sigma * rng.logistic(size=mu.shape)), 0, 255)
    low = np.where(x == 0, 0, cdf(x - 0.5))
    high = np.where(x == 255, 1, cdf(x + 0.5))
    bits = -np.log2(high - low).sum()
    size = 8 * len(encode_mixture(x.astype(int), parameters, RGB))
    assert size / bits == pytest.approx(1, abs=5e-4)


def test_most_coupled_channels_do_not_overflow() -> None:
    shape = MixtureShape(channels=31, levels=65_535, mixtures=1, coupled=True)
    for sign in (-1, 1):
        parameters = np.full((1, shape.parameters), sign * 2**31 - (sign > 0), np.int64)
        parameters = parameters.astype(np.int32)
        symbols = np.full((1, 31), 65_534)
        data = encode_mixture(symbols, parameters, shape)
        assert data == reference.encode_mixture(symbols, parameters, shape)
        assert (decode_mixture(data, parameters, shape) == symbols).all()
    with pytest.raises(ValueError, match=r"channels must be in 1\.\.31, got 32"):
        MixtureShape(channels=32, levels=2, mixtures=1)


def test_wrong_arguments_are_named() -> None:
    parameters, symbols = sample(Z, 4)
    wrong = symbols.copy()
    wrong[2, 3] = 25
    with pytest.raises(ValueError, match=r"symbol 25 at \(2, 3\) is not in 0\.\.24"):
        encode_mixture(wrong, parameters, Z)
    not_a_number, infinite = parameters.copy(), parameters.copy()
    not_a_number[1, 7] = np.nan
    infinite[3, 0] = np.inf
    with pytest.raises(ValueError, match="parameter 7 of pixel 1 is nan"):
        encode_mixture(symbols, not_a_number, Z)
    with pytest.raises(ValueError, match="parameter 0 of pixel 3 is inf"):
        decode_mixture(b"abc", infinite, Z)
    with pytest.raises(TypeError, match="float32 or int32, got float64"):
        encode_mixture(symbols, parameters.astype(np.float64), Z)
    with pytest.raises(TypeError, match="integers, got float64"):
        encode_mixture(symbols.astype(float), parameters, Z)
    with pytest.raises(ValueError, match=r"\(pixels, 45\), got \(4, 44\)"):
        encode_mixture(symbols, parameters[:, 1:], Z)
    with pytest.raises(ValueError, match=r"shape \(4, 5\), got \(3, 5\)"):
        encode_mixture(symbols[1:], parameters, Z)
    with pytest.raises(ValueError, match=r"mixtures must be in 1\.\.64, got 65"):
        MixtureShape(3, 256, 65)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([20, 8200]))
def test_any_bytes_end_in_symbols_or_a_corrupt_stream_error(data: bytes, pixels: int) -> None:
    parameters, _ = sample(Z, pixels)
    try:
        symbols = decode_mixture(data, parameters, Z)
    except CorruptStreamError:
        return
    assert symbols.shape == (pixels, 5)
    assert symbols.max() < 25
