"""The integer network: what it computes, in either carrier, and that nothing in it is rounded.

Golden files decode for ever. `integer-<case>.safetensors` holds integers only, `.l3c` a file of an
image, and `integer.json` the settings of each network, its identity and the SHA-256 of the pixels.
They were written once, by tests/integer/make_golden.py of commit 1b993b3; `mixed-rgb.l3c` is a file
of format 3.
"""

import copy
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from golden import GOLDEN, stems
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from tiny_models import KINDS, integer_network, noise, smooth, tiny
from torch.nn.functional import conv2d

from l3c import torch_state
from l3c.coding import decode_picture, encode_picture
from l3c.fileformat.container import unpack
from l3c.integer.convolution import BoundError, IntegerConvolution
from l3c.integer.network import IntegerNetwork
from l3c.models.pyramid_codec import PyramidCodec
from l3c.nn.layers import Conv
from l3c.recipe import Recipe
from l3c.tile_coding import Choice, split_payload

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_float32_carries_what_int64_says(kind, memory_format):
    fast, slow = (
        copy.deepcopy(integer_network(kind)).prepare(CPU, memory_format) for _ in range(2)
    )
    slow.carrier = torch.int64
    symbols = tiny(kind).codec().symbols(np.concatenate([smooth(21, 27), noise(20, 27, 3)]))
    features = wanted_features = None
    for step in fast.steps:
        inputs, s = step.inputs(symbols), step.source_scale
        outputs, features = fast.predict(step, fast.values(s, inputs), features)
        wanted, wanted_features = slow.predict(step, slow.values(s, inputs), wanted_features)
        for params, expected in zip(outputs, wanted, strict=True):
            assert params.dtype == torch.int32
            assert torch.equal(params, expected)
        assert (features is None) == (wanted_features is None) == (kind == "rgb_shared")
        if features is not None and wanted_features is not None:
            assert wanted_features.dtype == torch.int64
            assert torch.equal(features.long(), wanted_features)


@pytest.mark.parametrize("kind", KINDS)
def test_every_partial_sum_fits_the_carrier(kind):
    network = integer_network(kind)
    largest = network.check()
    assert {f"{name}.weight" for name in largest} <= network.tensors().keys()
    layers = [each for each in network.modules() if isinstance(each, IntegerConvolution)]
    assert len(largest) == len(layers)
    assert 1 << 20 < max(largest.values()) <= 1 << 24


def filled(weight, high, bias=0, shift=0):
    layer = IntegerConvolution(Conv(4, 2))
    for name, value in (("weight", weight), ("high", high), ("bias", bias), ("shift", shift)):
        layer.get_buffer(name).fill_(value)
    return layer


def bounds(high, channels=4):
    return torch.tensor([[0], [high]]).expand(-1, channels)


def test_bounds_are_those_of_the_worst_input():
    inputs = torch.tensor([[-7, 0, -1, 0], [7, 5, 2, 0]])
    # All but the bias negative: 9 (7 + 5 + 2) 3 down, 9 (7 + 1) 3 + 4 up.
    assert filled(-3, 10, bias=4).check(inputs, None, "x") == 9 * 14 * 3
    assert filled(455, 1).check(bounds(1 << 10), None, "x") == 455 * 36 << 10
    # A negative shift alone only moves the exponent.
    assert filled(400, 1 << 20, shift=-5).check(bounds(1 << 10), None, "x") == 400 * 36 << 10


@pytest.mark.parametrize(
    ("layer", "high", "residual"),
    [
        (filled(456, 1), 1 << 10, None),  # a sum of 16809984
        (filled(1, 1 << 25), 1 << 10, None),
        (filled(1, 1), 1 << 10, (1 << 24) - 36000),
        (filled(400, 1 << 20, shift=-5), 1 << 10, 1),
        (filled(1, -1), 1 << 10, None),  # an empty range
        (filled(-(2**31), 1), 1 << 24, None),  # what would wrap the proof itself
        (filled(0, 1, shift=-(2**31)), 1 << 24, None),
    ],
)
def test_what_could_be_rounded_is_refused(layer, high, residual):
    with pytest.raises(BoundError, match="x: "):
        layer.check(bounds(high), None if residual is None else bounds(residual, 2), "x")


def test_clips_beyond_the_coders_grids_are_refused():
    network = copy.deepcopy(integer_network())
    network.get_buffer("classifiers.0.out.high").fill_(1 << 24)
    with pytest.raises(BoundError, match="grids"):
        network.check()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_a_layer_is_the_same_in_both(seed, height, width):
    rng = np.random.default_rng(seed)
    layer = IntegerConvolution(Conv(5, 3, dilation=int(rng.integers(1, 4))))
    layer.weight.copy_(torch.from_numpy(rng.integers(-300, 300, (3, 5, 3, 3))))
    for name, low, high in (
        ("bias", -(2**20), 2**20),
        ("shift", -2, 12),
        ("low", -(2**14), 0),
        ("high", 0, 2**14),
    ):
        layer.get_buffer(name).copy_(torch.from_numpy(rng.integers(low, high, 3)))
    x = torch.from_numpy(rng.integers(-500, 500, (2, 5, height, width)))
    residual = torch.from_numpy(rng.integers(-99, 99, (2, 3, height, width)))
    layer.prepare(torch.channels_last)
    with torch_state.exact_arithmetic():
        got = layer(x.float(), residual.float())
    assert torch.equal(got.long(), layer(x, residual))


def test_settings_come_back_when_the_last_thread_leaves():
    torch.set_float32_matmul_precision("medium")
    try:
        matmul = torch.backends.mkldnn.matmul
        before = matmul.fp32_precision
        first, second = torch_state.exact_arithmetic(), torch_state.exact_arithmetic()
        first.__enter__()
        with ThreadPoolExecutor(1) as other:
            other.submit(second.__enter__).result()
            first.__exit__(None, None, None)
            assert matmul.fp32_precision == "ieee" != before
            other.submit(second.__exit__, None, None, None).result()
        assert matmul.fp32_precision == before
    finally:
        torch.set_float32_matmul_precision("highest")


def in_bfloat16(x, w, padding):
    return conv2d(x.bfloat16().float(), w, padding=padding)


def by_winograd(x, w, padding):
    """F(2x2, 3x3): Lavin and Gray (2016)."""
    bt = torch.tensor([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1.0]])
    g = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1.0]])
    at = torch.tensor([[1, 1, 1, 0], [0, 1, -1, -1.0]])
    n, _, height, width = x.shape
    tiles = torch.nn.functional.pad(x, [padding] * 4).unfold(2, 4, 2).unfold(3, 4, 2)
    products = torch.einsum("nihwab,oiab->nohwab", bt @ tiles @ bt.T, g @ w @ g.T)
    y = at @ products @ at.T  # (N, O, H / 2, W / 2, 2, 2)
    return y.permute(0, 1, 2, 4, 3, 5).reshape(n, len(w), height, width)


@pytest.mark.parametrize("wrong", [in_bfloat16, by_winograd])
def test_a_machine_that_rounds_is_refused(wrong, monkeypatch):
    generator = torch.Generator().manual_seed(1)
    x, w = (torch.randint(-9, 9, (1, 2, 8, 8), generator=generator).float() for _ in range(2))
    assert torch.equal(wrong(x, w[:, :, :3, :3], 1), conv2d(x, w[:, :, :3, :3], padding=1))
    monkeypatch.setattr(torch_state.functional, "conv2d", wrong)
    with pytest.raises(torch_state.InexactError):
        copy.deepcopy(integer_network()).prepare(CPU)


def test_nothing_to_calibrate_on_is_an_error():
    with pytest.raises(ValueError, match="8 pixels"):
        tiny().to_integers([smooth(7, 100)])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("predictors.0.head.weight", float("nan")),
        ("predictors.0.head.weight", 1e38),  # finite, but not what comes of it
        ("classifiers.0.out.bias", float("inf")),
    ],
)
def test_what_is_not_finite_is_refused(name, value):
    network = tiny()
    with torch.no_grad():
        network.get_parameter(name)[0] = value
    with pytest.raises(ValueError, match="finite"):
        network.to_integers([smooth(32, 32)])


MIXED_SHA256 = "d8b2ff79006051d18400840f92ab804aa6a1492931b06737d1822405c7794f29"
CASES = json.loads((GOLDEN / "integer.json").read_text())


def codec_of(case, carrier=torch.float32):
    known = CASES[case]
    model = Recipe(name=case, family=known["family"], model=known["settings"]).make_model()
    integers = IntegerNetwork.load(model, load_file(GOLDEN / f"integer-{case}.safetensors"))
    integers.carrier = carrier
    return PyramidCodec(model, "cpu", integers)


@pytest.mark.parametrize("carrier", [torch.float32, torch.int64])
@pytest.mark.parametrize("case", CASES)
def test_golden_files_decode_for_ever(case, carrier):
    codec = codec_of(case, carrier)
    assert codec.identity.hex() == CASES[case]["identity"]
    data = (GOLDEN / f"integer-{case}.l3c").read_bytes()
    picture = decode_picture(data, lambda identity, arithmetic: codec)
    pixels = picture.samples.tobytes()
    assert hashlib.sha256(pixels).hexdigest() == CASES[case]["pixel_sha256"]
    if "l3c" not in case and case != "paper":  # z is made in floating point, and may differ
        assert encode_picture(picture, codec, choice=Choice.NETWORK) == data


def test_a_golden_file_of_format_3_decodes_for_ever():
    codec, data = codec_of("rgb"), (GOLDEN / "mixed-rgb.l3c").read_bytes()
    container = unpack(data)
    assert container.version == 3
    found = [split_payload(container, tile.payload or b"")[0] for tile in container.tiles]
    assert found == [True, False, True]
    pixels = decode_picture(data, lambda identity, arithmetic: codec).samples.tobytes()
    assert hashlib.sha256(pixels).hexdigest() == MIXED_SHA256


def test_golden_files_are_those_listed():
    assert stems("integer-*") == {f"integer-{case}" for case in CASES}
