"""Picture <-> file: every mode, tiles, regions, damage, other models; no wrong pixel ever."""

from collections.abc import Iterator
from unittest import mock

import numpy as np
import pytest
from autoregressive import Autoregressive, AutoregressiveSettings
from fuzzers import fuzzer
from tiny_models import integers, limit, noise, smooth, tiny, tiny_causal

from coder.errors import CoderError, CorruptStreamError
from l3c import tile_coding
from l3c.coding import decode_picture, decode_pictures, encode_picture, encode_pictures
from l3c.fileformat import tiles
from l3c.fileformat.container import unpack
from l3c.fileformat.errors import (
    NotExactError,
    TileAlteredError,
)
from l3c.images.picture import Mode, Picture, Section
from l3c.models import pyramid_codec
from l3c.models.causal import CausalCodec
from l3c.models.tile_codec import TileCodec

CODEC = tiny().codec()
CODECS: dict[str, TileCodec] = {
    "float": CODEC,
    "integer": tiny().codec("cpu", integers()),
    "causal": tiny_causal(),
}


@pytest.fixture(autouse=True, scope="module")
def network_codes() -> Iterator[None]:
    """What the network should code, whether it suits or not: it is untrained."""
    with mock.patch.object(tile_coding, "_limit", limit):
        yield


def find(identity: bytes, device: str) -> TileCodec:
    return CODEC


def picture_of(mode: Mode, height: int, width: int) -> Picture:
    if mode.bits == 16:
        samples = noise(height, width, mode.channels, dtype=np.uint16)
    else:
        samples = noise(height, width, mode.channels)
    sections = {}
    if mode == Mode.BILEVEL:
        samples = samples >> 7
    if mode == Mode.PALETTE:
        samples = samples >> 4
        sections = {Section.PALETTE: noise(16 * 3).tobytes()}
    elif mode == Mode.RGB:
        sections = {
            Section.ICC: b"profile" * 9,
            Section.EXIF: b"Exif\0\0II*\0",
            Section.XMP: b"<x/>",
        }
    return Picture(mode, samples, sections)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE_PIXELS", 32 * 32)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("used", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("size", [(1, 1), (1, 1100), (7, 13), (65, 37)])
def test_round_trip_of_every_mode(mode: Mode, size: tuple[int, int], used: TileCodec) -> None:
    picture = picture_of(mode, *size)
    data = encode_picture(picture, used)
    assert (len(unpack(data).tiles) > 1) == (max(size) > 60)
    decoded = decode_picture(data, lambda *model: used)
    assert decoded.damaged == ()
    assert decoded.picture == picture
    assert decoded.picture.samples.dtype == mode.dtype


@pytest.mark.usefixtures("small_tiles")
def test_a_region_decodes_only_the_tiles_it_needs() -> None:
    picture, done = picture_of(Mode.RGB, 101, 75), []
    data = encode_picture(picture, CODEC)
    part = decode_picture(data, find, region=(20, 30, 9, 40), progress=done.append).picture
    assert (part.samples == picture.samples[20:29, 30:70]).all()
    assert 9 * 40 <= sum(done) < 101 * 75 / 2
    for outside in [(0, 0, 102, 1), (-1, 0, 5, 5), (0, 70, 3, 6), (3, 3, 0, 3)]:
        with pytest.raises(ValueError):
            decode_picture(data, find, region=outside)


@pytest.mark.usefixtures("small_tiles")
def test_a_damaged_tile_is_named_and_the_others_are_saved() -> None:
    picture = picture_of(Mode.RGB, 101, 75)
    data = encode_picture(picture, CODEC)
    container = unpack(data)
    last = tiles.tile_rectangles(101, 75, container.rows, container.cols)[-1]
    flipped = data[:-9] + bytes([data[-9] ^ 0x40]) + data[-8:]
    y, x, height, width = last
    with pytest.raises(TileAlteredError, match=f"{x},{y},{width},{height}"):
        decode_picture(flipped, find)
    for damaged in (flipped, data[:-9]):
        saved = decode_picture(damaged, find, salvage=True)
        assert [damage.rectangle for damage in saved.damaged] == [last]
        lost = np.zeros((101, 75), bool)
        lost[y : y + height, x : x + width] = True
        assert (saved.picture.samples[~lost] == picture.samples[~lost]).all()
        assert (saved.picture.samples[lost] == 0).all()
    intact = decode_picture(flipped, find, region=(0, 0, 16, 16)).picture
    assert (intact.samples == picture.samples[:16, :16]).all()


def test_other_arithmetic_is_told_from_altered_bytes() -> None:
    """Weights that differ in the last bit stand for another processor's rounding."""
    picture = Picture.from_array(smooth(64, 64))
    data = encode_picture(picture, CODEC)
    other = tiny().codec()
    for parameter in other.network.predictors.parameters():
        parameter.mul_(1 + 1e-3)
    other.identity = CODEC.identity
    with pytest.raises(NotExactError):
        decode_picture(data, lambda identity, device: other)


def test_streams_that_floating_point_cannot_follow_are_not_damaged() -> None:
    """A family whose decoder notices in the middle that the symbols went wrong."""

    def codec(factor: float) -> TileCodec:
        model = Autoregressive(AutoregressiveSettings())
        model.initialize(0)
        made = model.codec()
        for parameter in made.model.parameters():
            parameter.mul_(factor)
        return made

    encoder, decoder = codec(1.0), codec(1.0 + 1e-2)
    picture = Picture.from_array(smooth(12, 12))
    data = encode_picture(picture, encoder)
    with pytest.raises(CorruptStreamError):
        decoder.decode(encoder.encode(picture.samples), 12, 12)
    with pytest.raises(NotExactError):
        decode_picture(data, lambda identity, arithmetic: decoder)
    with pytest.raises(NotExactError):
        decode_pictures([data, data], lambda identity, arithmetic: decoder)
    assert decode_picture(data, lambda identity, arithmetic: encoder).picture == picture


def test_without_a_network_everything_is_in_the_fallback() -> None:
    picture = picture_of(Mode.RGB, 20, 30)

    def none(identity: bytes, arithmetic: int) -> TileCodec:
        raise AssertionError("no network is needed")

    assert decode_picture(encode_picture(picture, None), none).picture == picture


def test_overhead_of_a_single_tile() -> None:
    picture = Picture.from_array(smooth(60, 50))
    streams = CODEC.encode(picture.samples)
    assert len(encode_picture(picture, CODEC)) - sum(map(len, streams)) < 64


@pytest.mark.parametrize("family", CODECS)
def test_fuzzing_the_decoder_finds_nothing(family: str) -> None:
    answers, findings, _ = fuzzer("fuzz_decoder").fuzz(400, 0, CODECS[family])
    assert findings == []
    assert {"NotExactError", "TileAlteredError", "CorruptStreamError", "salvaged"} <= set(answers)


@pytest.mark.parametrize("used", CODECS.values(), ids=CODECS)
def test_a_batch_has_the_files_of_its_pictures(
    used: TileCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyramid_codec, "TOGETHER", 3 * 9 * 11)  # pictures at once, the last alone
    monkeypatch.setattr(CausalCodec, "threads", 2)
    sizes = [(9, 11), (5, 7), (9, 11), (9, 11), (9, 11)]
    pictures = [Picture.from_array(noise(*size, 3)) for size in sizes]
    pictures += [picture_of(mode, 9, 11) for mode in (Mode.RGBA, Mode.GREY, Mode.RGB16)]
    files = encode_pictures(pictures, used)
    assert files == [encode_picture(picture, used) for picture in pictures]
    assert decode_pictures(files, lambda *model: used) == pictures
    payload = bytearray(files[3])
    payload[-20] ^= 1
    with pytest.raises(CoderError):
        decode_pictures([*files[:3], bytes(payload), files[4]], lambda *model: used)
    assert decode_pictures([], lambda *model: used) == []
