"""Bytes, samples and bits are the same in every state that a program may have set PyTorch to."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from tiny_models import integers, smooth, tiny, write_model

from l3c.models import zoo
from l3c.models.base import TorchTileCodec
from l3c.torch_state import fixed_state

TILE = smooth(37, 29)
CODECS = {"float": tiny().codec(), "integer": tiny().codec("cpu", integers())}


@contextmanager
def _set(change, value, usual):
    change(value)
    try:
        yield
    finally:
        change(usual)


def _deterministic(on):
    torch.use_deterministic_algorithms(on, warn_only=True)
    torch.backends.mkldnn.deterministic = on


def _precision(name):
    torch.set_float32_matmul_precision("highest" if name == "none" else "medium")
    torch.backends.mkldnn.conv.fp32_precision = name
    torch.backends.mkldnn.matmul.fp32_precision = name


def _onednn(on):
    torch.backends.mkldnn.enabled = on


FLOAT32 = torch.float32
STATES = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", torch.float16),
    "default dtype float64": lambda: _set(torch.set_default_dtype, torch.float64, FLOAT32),
    "default dtype bfloat16": lambda: _set(torch.set_default_dtype, torch.bfloat16, FLOAT32),
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "enable_grad": torch.enable_grad,
    "deterministic": lambda: _set(_deterministic, True, False),
    "matmul precision": lambda: _set(_precision, "bf16", "none"),
    "default device": lambda: torch.device("meta"),
    "oneDNN off": lambda: _set(_onednn, False, True),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_coding_does_not_depend_on_the_state(codec, state):
    streams, bits = codec.encode(TILE), codec.cross_entropy_bits(TILE)
    drawn = codec.sample_images(2, 16, 24)
    sampled = codec.sample_parts(TILE)
    with state():
        assert codec.encode(TILE) == streams
        assert codec.encode_batch([TILE, TILE]) == [streams, streams]
        assert np.array_equal(codec.decode(streams, *TILE.shape[:2]), TILE)
        assert codec.cross_entropy_bits(TILE) == bits
        assert np.array_equal(codec.sample_images(2, 16, 24), drawn)
        for found, expected in zip(codec.sample_parts(TILE), sampled, strict=True):
            assert found.bpsp == expected.bpsp
            assert np.array_equal(found.image, expected.image)


@pytest.mark.parametrize("arithmetic", ["float", "integer"])
def test_a_model_opened_in_any_state_is_the_same(arithmetic, tmp_path):
    expected = CODECS[arithmetic].encode(TILE)
    for number, state in enumerate(STATES.values()):
        weights = write_model(tmp_path, name=str(number))
        with state():
            opened = zoo.open_codec(weights, "cpu", arithmetic)
        assert opened.identity == CODECS[arithmetic].identity
        assert opened.encode(TILE) == expected


def test_the_state_of_the_caller_comes_back():
    def state():
        modes = torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
        kinds = torch.get_default_dtype(), torch.zeros(1).device.type
        return *modes, *kinds, torch.backends.mkldnn.enabled

    with (
        torch.autocast("cpu", torch.bfloat16),
        torch.device("meta"),
        STATES["default dtype float64"](),
        STATES["oneDNN off"](),
    ):
        with fixed_state(), fixed_state():
            assert state() == (True, False, torch.float32, "cpu", True)
        assert state() == (False, True, torch.float64, "meta", False)


def test_every_family_is_guarded():
    class Own(TorchTileCodec):
        def encode(self, tile):
            product = torch.ones(1, 1) @ torch.ones(1, 1)
            return [f"{product.dtype} {product.device} {product.is_inference()}".encode()]

        def decode(self, streams, height, width):
            raise NotImplementedError

    codec = Own(tiny())
    expected = codec.encode(TILE)
    for state in STATES.values():
        with state():
            assert codec.encode(TILE) == expected
            assert codec.encode_batch([TILE]) == [expected]
