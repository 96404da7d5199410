"""Image <-> container with tiny networks: any size, any content, altered files, other models."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coder.container import unpack
from coder.errors import CoderError, CorruptStreamError, ModelMismatchError, UnsupportedFormatError
from l3c.codec import Codec, ModelError, NotExactError
from l3c.config import Kind, ModelSettings, Recipe
from l3c.model.initialization import initialize
from l3c.model.network import Network
from l3c.training.files import write_weights

KINDS: list[Kind] = ["l3c", "rgb", "rgb_shared"]


def tiny(kind: Kind, seed: int = 0) -> Network:
    network = Network(
        ModelSettings(
            kind=kind,
            features=12,
            blocks=1,
            mixtures=2,
            dilations=(1, 2),
            parametrization="unit",
            initialization="pyramid",
            channel_coefficients="centred",
        )
    )
    initialize(network, seed)
    return network


CODECS = {kind: Codec(tiny(kind)) for kind in KINDS}


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 5), (8, 8), (17, 31), (64, 40)])
def test_round_trip_of_noise_and_flat_images(kind: Kind, size: tuple[int, int]) -> None:
    codec = CODECS[kind]
    for image in (noise(*size), np.full((*size, 3), 255, np.uint8), np.zeros((*size, 3), np.uint8)):
        decoded = codec.decode(codec.encode(image))
        assert decoded.dtype == np.uint8
        assert (decoded == image).all()


@pytest.mark.parametrize("kind", KINDS)
def test_size_is_close_to_the_cross_entropy(kind: Kind) -> None:
    ramp = np.linspace(0, 220, 96)[:, None, None] + np.linspace(0, 30, 128)[None, :, None]
    texture = np.random.default_rng(0).normal(0, 6, (96, 128, 3))
    image = (ramp + texture).clip(0, 255).astype(np.uint8)
    data = CODECS[kind].encode(image)
    assert 8 * len(data) == pytest.approx(CODECS[kind].bits_theory(image), rel=5e-3)


def test_padding_is_not_coded() -> None:
    header = 8 * 70
    wide, narrow = noise(64, 64), noise(64, 64)[:57, :57]
    bits = [8 * len(unpack(CODECS["rgb"].encode(x)).streams[-1]) - header for x in (wide, narrow)]
    assert bits[1] / bits[0] == pytest.approx((57 / 64) ** 2, rel=0.03)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_altered_files_never_give_wrong_pixels(data: st.DataObject) -> None:
    codec, image = CODECS["l3c"], noise(9, 14)
    whole = bytearray(codec.encode(image))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        decoded = codec.decode(bytes(whole[: len(whole) - data.draw(st.sampled_from([0, cut]))]))
    except CoderError:
        return
    assert (decoded == image).all()


def test_each_kind_of_wrong_file_has_its_error() -> None:
    codec, image = CODECS["l3c"], noise(16, 16)
    data = codec.encode(image)
    with pytest.raises(UnsupportedFormatError, match="not an L3C file"):
        codec.decode(b"\x89PNG\r\n\x1a\n" + data[8:])
    with pytest.raises(UnsupportedFormatError, match="format 9; this release reads format 1"):
        codec.decode(data[:8] + b"\x09" + data[9:])
    with pytest.raises(CorruptStreamError, match="ends inside the header"):
        codec.decode(data[:20])
    with pytest.raises(CorruptStreamError, match="header was altered"):
        codec.decode(data[:12] + b"\x01" + data[13:])
    with pytest.raises(CorruptStreamError, match=r"streams of \d+ bytes announced, \d+ are there"):
        codec.decode(data[:-1])
    with pytest.raises(NotExactError, match="do not have the checksum"):
        codec.decode(data[:-9] + bytes([data[-9] ^ 0x40]) + data[-8:])
    with pytest.raises(ModelMismatchError, match="written with model"):
        Codec(tiny("l3c", seed=1)).decode(data)


def test_checksum_is_of_the_pixels() -> None:
    image = noise(5, 4)
    container = unpack(CODECS["rgb"].encode(image))
    assert (container.height, container.width) == (5, 4)
    assert container.pixels_crc == zlib.crc32(image.tobytes())
    assert container.model == CODECS["rgb"].identity


def test_refuses_what_is_not_an_image() -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(H, W, 3\), got float64 \(2, 2, 3\)"):
        CODECS["l3c"].encode(np.zeros((2, 2, 3)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"got uint8 \(0, 2, 3\)"):
        CODECS["l3c"].encode(np.zeros((0, 2, 3), np.uint8))


def write_model(folder: Path, network: Network) -> Path:
    weights = folder / "model.safetensors"
    write_weights(weights, network.state_dict())
    card = {"recipe": Recipe(name="tiny", model=network.settings).model_dump(mode="json")}
    weights.with_suffix(".json").write_text(json.dumps(card))
    return weights


def test_opens_weights_beside_their_card(tmp_path: Path) -> None:
    codec = Codec.open(write_model(tmp_path, tiny("l3c")))
    image = noise(10, 12)
    assert codec.identity == CODECS["l3c"].identity
    assert (codec.decode(CODECS["l3c"].encode(image)) == image).all()


def test_unusable_models_are_named(tmp_path: Path) -> None:
    weights = write_model(tmp_path, tiny("l3c"))
    with pytest.raises(ModelError, match=r"nowhere\.json: cannot be read"):
        Codec.open(tmp_path / "nowhere.safetensors")
    write_weights(weights, tiny("rgb").state_dict())
    with pytest.raises(ModelError, match=r"model\.safetensors: weights do not fit their card"):
        Codec.open(weights)
    weights.write_bytes(b"\0" * 40)
    with pytest.raises(ModelError, match=r"model\.safetensors: weights do not fit their card"):
        Codec.open(weights)
    torch.save(tiny("l3c").state_dict(), weights)  # a pickle is never loaded
    with pytest.raises(ModelError, match=r"model\.safetensors: weights do not fit their card"):
        Codec.open(weights)
    weights.with_suffix(".json").write_text("{}")
    with pytest.raises(ModelError, match=r"model\.json: not a model card"):
        Codec.open(weights)
