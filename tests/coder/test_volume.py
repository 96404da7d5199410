"""The volume coder against NumPy, its round trip, and what it refuses."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixture_samples import each_variant

from coder import _volume, volume
from coder.errors import CorruptStreamError
from coder.volume import (
    TAPS,
    TOP,
    Layer,
    VolumeNetwork,
    WeightError,
    decode_volume,
    encode_volume,
    symbol_bits,
)

SHAPES = [(1, 1, 1), (3, 1, 7), (4, 9, 2), (2, 12, 11)]


variant = each_variant(_volume.use_avx2, [False, True])
pytestmark = pytest.mark.usefixtures("variant")


def network(features=24, levels=6, seed=0):
    """Random, with units and logits of sensible size."""
    rng = np.random.default_rng(seed)
    layers = [
        Layer(
            rng.integers(-40_000, 40_000, (features, 13, levels)).astype(np.int32),
            *_ends(features, 4),
        )
    ]
    for outputs, shift in ((features, 9), (features, 9), (levels, 15)):
        weights = rng.integers(-90, 91, (outputs, len(TAPS), features)).astype(np.int16)
        layers.append(Layer(weights, *_ends(outputs, shift)))
    return VolumeNetwork(layers)


def _ends(outputs, shift):
    shifts = np.full(outputs, shift, np.int32) + np.arange(outputs, dtype=np.int32) % 2
    return (1 << (shifts - 1)).astype(np.int32), shifts


def sampled(made, shape, seed=0):
    """Symbols of the network's own distribution: what random bytes decode to."""
    noise = np.random.default_rng(seed).bytes(4 * int(np.prod(shape)))
    symbols = np.empty(shape, np.uint8)
    made.engine.decode(noise, symbols)
    return symbols


def reference(symbols, made):
    """Logits (C, H, W, L): the whole padded volume, layer by layer."""
    padded = np.pad(symbols, ((4, 0), (4, 4), (4, 4)))

    def at_tap(x, tap):
        (c, y, z), (channels, height, width) = tap, x.shape[:3]
        return x[1 + c : channels + c, 1 + y : height - 1 + y, 1 + z : width - 1 + z]

    def shifted(layer, sums):
        return (sums + layer.bias) >> layer.shift

    def convolved(layer, units):
        weights = layer.weights.astype(np.int64)
        sums = sum(at_tap(units, tap) @ weights[:, t].T for t, tap in enumerate(TAPS))
        return shifted(layer, np.asarray(sums))

    first, second, third, last = made.layers
    table = first.weights.astype(np.int64)
    sums = sum(table[:, t, at_tap(padded, tap)] for t, tap in enumerate(TAPS[:-1]))
    u0 = np.clip(shifted(first, np.moveaxis(np.asarray(sums), 0, -1)), 0, TOP)
    u1 = np.clip(convolved(second, u0), 0, TOP)
    u2 = np.clip(convolved(third, u1) + u0[2:, 2:-2, 2:-2], -TOP, TOP)
    return np.maximum(convolved(last, u2), 0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("features", "levels"), [(24, 6), (5, 2), (8, 3), (44, 16)])
def test_it_computes_what_numpy_computes(features, levels, shape):
    made = network(features, levels)
    symbols = np.random.default_rng(1).integers(0, levels, shape).astype(np.uint8)
    np.testing.assert_array_equal(volume.logits(symbols, made), reference(symbols, made))


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_any_symbols_come_back(channels, height, width, seed):
    made, shape = network(8, 3), (channels, height, width)
    symbols = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    assert (decode_volume(encode_volume(symbols, made), made, shape) == symbols).all()


def test_bytes_are_the_cross_entropy():
    made, shape = network(), (8, 40, 40)
    symbols = sampled(made, shape)
    bits, data = symbol_bits(symbols, made), encode_volume(symbols, made)
    assert 8 * len(data) == pytest.approx(bits.sum(), rel=1e-3)
    assert bits.sum() < 0.9 * symbols.size * np.log2(made.levels)
    assert (decode_volume(data, made, shape) == symbols).all()


def test_altered_bytes_end_in_symbols_or_an_error():
    made, shape = network(8, 3), (3, 6, 6)
    data = encode_volume(sampled(made, shape), made)
    for longer in (data + b"\0", data + b"\0\0\0\0\1"):
        with pytest.raises(CorruptStreamError):
            decode_volume(longer, made, shape)
    altered = [data[:at] for at in range(len(data))]
    altered += [data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :] for at in range(len(data))]
    for wrong in altered:
        with suppress(CorruptStreamError):
            assert decode_volume(wrong, made, shape).max() < made.levels


def test_networks_are_checked_and_kept():
    made = network(8, 3)
    arrays = made.to_arrays()
    again = VolumeNetwork.from_arrays(arrays)
    symbols = sampled(made, (2, 5, 5))
    assert encode_volume(symbols, again) == encode_volume(symbols, made)
    assert max(made.largest_sums) < 2**31
    changes = [
        {"layer1.weights": np.full_like(arrays["layer1.weights"], 32767)},
        {"layer0.weights": np.full_like(arrays["layer0.weights"], 2**30)},
        {"layer1.weights": arrays["layer1.weights"].astype(np.int32)},
        {"layer3.weights": arrays["layer2.weights"]},
        {"layer2.shift": np.zeros_like(arrays["layer2.shift"])},
        {"layer2.bias": arrays["layer2.bias"][:-1]},
        {"other": arrays["layer2.bias"]},
    ]
    for change in changes:
        with pytest.raises(WeightError):
            VolumeNetwork.from_arrays(arrays | change)
    for wrong in (symbols + 3, symbols.astype(np.int64), symbols[0], symbols[:0]):
        with pytest.raises(ValueError):
            encode_volume(wrong, made)
