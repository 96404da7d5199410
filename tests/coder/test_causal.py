"""The causal codec: the same bits from every variant, and weights that cannot overflow."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from golden import GOLDEN, writes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mixture_samples import each_variant

from coder import _causal, causal, causal_reference
from coder.causal import CausalNetwork, Layer, WeightError, no_bias
from coder.errors import CorruptStreamError

DIMS = (causal.INPUTS, 48, 16, 24)


def network(seed=0, dims=DIMS, scale=300):
    """Weights at random whose units and parameters use much of their ranges."""
    rng = np.random.default_rng(seed)
    layers = []
    for i, (inputs, outputs) in enumerate(pairwise(dims)):
        weights = np.clip(rng.normal(0, scale, (outputs, inputs)), -(2**15), 2**15 - 1)
        shift = np.full(outputs, 12 if i else 6, np.int32)
        if i == len(dims) - 2:
            shift += rng.integers(0, 6, outputs, dtype=np.int32)
        bias = rng.integers(-(2**18), 2**18, outputs, dtype=np.int32)
        top = int(rng.integers(900, 9000))
        layers.append(Layer(weights.astype(np.int16), bias, shift, top=top))
    return CausalNetwork(layers)


NETWORK = network()


variant = each_variant(causal.use_variant, causal.VARIANTS)


def some_bias(net, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(-128, 128, 12 * net.mixtures, dtype=np.int8)


def tile(height, width, seed, kind):
    rng = np.random.default_rng(seed)
    if kind == "flat":
        return np.full((height, width, 3), seed % 256, np.uint8)
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "black and white":
        return 255 * rng.integers(0, 2, (height, width, 3), dtype=np.uint8)
    ramp = np.arange(width)[:, None] + 2 * np.arange(height)[:, None, None] + [0, 20, 50]
    return (ramp + rng.integers(0, 6, (height, width, 3))).astype(np.uint8)


sides = st.integers(1, 12)
kinds = st.sampled_from(["flat", "noise", "black and white", "smooth"])
tiles = st.builds(tile, sides, sides, st.integers(0, 2**32 - 1), kinds)


def int32(value, size=16):
    return np.full(size, value, np.int32)


def layer(inputs=causal.INPUTS, outputs=16, weight=1, **changes):
    made = {"weights": np.full((outputs, inputs), weight, np.int16), "bias": int32(0, outputs)}
    return Layer(**(made | {"shift": int32(4, outputs)} | changes))


def extreme():
    """A network with sums at the limits of 32 bits and units at those of 16."""
    rng = np.random.default_rng(4)
    signs = [rng.choice([-1, 1], size).astype(np.int16) for size in ((16, 86), (12, 16))]
    first = layer(weights=32767 * signs[0], shift=int32(1), top=32767)
    net = CausalNetwork([first, layer(16, 12, weights=4090 * signs[1], shift=int32(1, 12))])
    assert net.largest_sums[1] > 0.99 * 2**31
    return net


OTHER_DIMS = [(86, 112, 80, 12), (86, 16, 96), (86, 64, 144, 32, 48)]


@pytest.mark.parametrize("net", [NETWORK, extreme(), *(network(1, dims) for dims in OTHER_DIMS)])
def test_every_variant_computes_the_reference(variant, net):
    for seed, kind in enumerate(["noise", "smooth", "flat", "black and white"]):
        pixels, bias = tile(23, 31, 5, kind), some_bias(net, seed)
        expected = causal_reference.parameters(pixels, net, bias)
        np.testing.assert_array_equal(causal.parameters(pixels, net, bias), expected)


def test_every_variant_writes_the_reference_s_bytes(variant):
    for shape in ((1, 1), (1, 9), (9, 1), (7, 6)):
        pixels = tile(*shape, 3, "smooth")
        bias = some_bias(NETWORK, 1) if shape[0] > 1 else no_bias(NETWORK)
        payload = causal.encode_tile(pixels, NETWORK, bias)
        assert payload == causal_reference.encode_tile(pixels, NETWORK, bias)
        np.testing.assert_array_equal(causal.decode_tile(payload, NETWORK, *shape), pixels)


@settings(max_examples=60, deadline=None)
@given(tiles)
@example(tile(300, 5, 8, "smooth"))
@example(tile(131, 257, 8, "smooth"))  # of many lanes
def test_tiles_come_back(pixels):
    payload = causal.encode_tile(pixels, NETWORK)
    back = causal.decode_tile(payload, NETWORK, *pixels.shape[:2])
    np.testing.assert_array_equal(back, pixels)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2), st.binary(max_size=400), st.integers(1, 9), st.integers(1, 9))
def test_any_bytes_end_in_pixels_or_are_refused(first, rest, height, width):
    payload = bytes([first]) + rest
    if first > 1 or len(rest) < first * 12 * NETWORK.mixtures:
        with pytest.raises(CorruptStreamError):
            causal.decode_tile(payload, NETWORK, height, width)
    else:
        pixels = causal.decode_tile(payload, NETWORK, height, width)
        assert pixels.shape == (height, width, 3)


def test_a_fitted_bias_saves_more_than_it_costs():
    """A tile whose noise is far stronger than the network expects; and one too small to pay."""
    pixels = tile(128, 300, 1, "noise")
    fitted = causal.encode_tile(pixels, NETWORK)
    plain = causal.encode_tile(pixels, NETWORK, no_bias(NETWORK))
    assert fitted[0] == 1
    assert len(fitted) < len(plain)
    np.testing.assert_array_equal(causal.decode_tile(fitted, NETWORK, 128, 300), pixels)
    assert causal.encode_tile(pixels[:20, :20], NETWORK)[0] == 0


def test_the_loss_is_what_the_coder_spends_and_its_gradient_is_right():
    """Against float64 with finite differences, at means far and near, at both ends of the range."""
    rng = np.random.default_rng(3)
    med = rng.integers(0, 256, (150, 3)).astype(np.int16)
    x = np.clip(med + rng.normal(0, 5, (150, 3)), 0, 255).astype(np.uint8)
    params = rng.normal(0, 1, (150, 24)).astype(np.float32)
    gradient = np.empty_like(params)
    bits = _causal.loss(params, med, x, gradient)
    assert bits == pytest.approx(float_bits(params.astype(np.float64), med, x).sum(), rel=1e-5)
    for n in range(24):
        step = np.zeros(24)
        step[n] = 1e-5
        rise = float_bits(params + step, med, x) - float_bits(params - step, med, x)
        np.testing.assert_allclose(gradient[:, n], rise / 2e-5, rtol=2e-3, atol=2e-3)


def float_bits(params, med, x):
    """Bits of each pixel."""
    logits, mean, log_sigma, lam = params.reshape(len(params), 4, 3, -1).transpose(1, 0, 2, 3)
    off = (x - med.astype(np.float64))[:, :, None]
    mean = mean + med[:, :, None]
    mean[:, 1] += lam[:, 0] * off[:, 0]
    mean[:, 2] += lam[:, 1] * off[:, 0] + lam[:, 2] * off[:, 1]
    value = x[:, :, None].astype(np.float64)

    def below(edge):
        return 1 / (1 + np.exp(-(edge - mean) * np.exp(-log_sigma)))

    high = np.where(value >= 255, 1, below(value + 0.5))
    low = np.where(value <= 0, 0, below(value - 0.5))
    weights = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    share = (weights * (high - low)).sum(2)
    return -np.log2(share * (1 - 2.0**-16) + 2.0**-24).sum(1)


def test_lanes_that_do_not_fit_are_refused():
    payload = causal.encode_tile(tile(128, 128, 1, "smooth"), NETWORK)
    lanes = payload[1 + 12 * NETWORK.mixtures * payload[0] :]
    for damaged in (b"", b"\0", b"\0\xff\xff\xff\xff\x0f" + lanes):
        with pytest.raises(CorruptStreamError):
            causal.decode_tile(damaged, NETWORK, 128, 128)


WRONG_LAYERS = [
    {"weights": np.ones((16, causal.INPUTS + 2), np.int16)},
    {"weights": np.ones((16, causal.INPUTS), np.int32)},
    {"weights": np.ones((24, causal.INPUTS), np.int16)},
    {"weights": np.ones((0, causal.INPUTS), np.int16)},
    {"bias": int32(0, 15)},
    {"bias": int32(2**31 - 1)},
    {"bias": int32(-(2**31))},
    {"shift": int32(0)},
    {"shift": int32(25)},
    {"shift": np.arange(1, 17, dtype=np.int32)},
    {"top": 0},
    {"top": 2**15},
]


@pytest.mark.parametrize(
    ("changes", "outputs"),
    [(changes, 12) for changes in WRONG_LAYERS] + [({}, n) for n in (0, 11, 13, 36, 12 * 16)],
)
def test_other_weights_are_refused(changes, outputs):
    """The last layer has the mixtures of three channels."""
    assert CausalNetwork([layer(top=100), layer(16, 12)]).largest_sums == [86 * 255, 16 * 4096]
    with pytest.raises(WeightError):
        CausalNetwork([layer(**({"top": 100} | changes)), layer(16, outputs)])


def test_sums_that_could_leave_32_bits_are_refused():
    """The largest weights are fine behind small units, and refused behind larger ones."""
    wide = layer(16, 12, 2**15 - 1, shift=int32(9, 12))
    assert CausalNetwork([layer(top=4095), wide]).largest_sums[1] == 16 * 32767 * 4096
    with pytest.raises(WeightError):
        CausalNetwork([layer(top=4097), wide])


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((0, 3, 3), np.uint8), np.zeros((3, 3), np.uint8), np.zeros((3, 3, 3), np.int16)],
)
def test_what_is_no_tile_is_refused(pixels):
    with pytest.raises(ValueError):
        causal.encode_tile(pixels, NETWORK)


GOLDEN_FIT = bytes.fromhex("cc3414ec7c84e04419671e55fe030d180e30fe00fef4fbf8")


def test_golden_tile_is_decoded_and_written_for_ever(variant):
    """Bytes written once (helpers/golden.py), and the bias that every machine fits."""
    path = GOLDEN / "causal.npz"
    if writes(path):
        net, pixels = network(7, (86, 16, 16, 24)), tile(50, 47, 7, "smooth")
        payload = np.frombuffer(causal.encode_tile(pixels, net), np.uint8)
        np.savez_compressed(path, pixels=pixels, payload=payload, **net.to_arrays())
    with np.load(path) as file:
        arrays = dict(file)
    pixels, payload = arrays.pop("pixels"), arrays.pop("payload").tobytes()
    net = CausalNetwork.from_arrays(arrays)
    assert payload[0] == 1
    np.testing.assert_array_equal(causal.decode_tile(payload, net, 50, 47), pixels)
    bias = np.frombuffer(payload[1 : 1 + 12 * net.mixtures], np.int8)
    assert causal.encode_tile(pixels, net, bias) == payload
    assert causal.fit_bias(pixels, net).tobytes() == GOLDEN_FIT


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 119, 120, 1000])
def test_sha256_is_that_of_hashlib(size):
    data = np.random.default_rng(size).bytes(size)
    assert causal.sha256(data) == hashlib.sha256(data).digest()
