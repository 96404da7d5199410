"""Picture <-> file: every mode, tiles, batches, other arithmetic; no wrong pixel ever."""

from unittest import mock

import fuzz_decoder
import numpy as np
import pytest
from autoregressive import Autoregressive, AutoregressiveSettings
from pictures import picture_of
from tiny_models import integers, limit, noise, smooth, tiny, tiny_causal

from coder.errors import CoderError, CorruptStreamError
from l3c import tile_coding
from l3c.coding import decode_picture, decode_pictures, encode_picture, encode_pictures
from l3c.fileformat import tiles
from l3c.fileformat.container import unpack
from l3c.fileformat.errors import NotExactError
from l3c.images.picture import Mode, Picture
from l3c.models import pyramid_codec
from l3c.models.causal import CausalCodec

CODEC = tiny().codec()
CODECS = {
    "float": CODEC,
    "integer": tiny().codec("cpu", integers()),
    "causal": tiny_causal(),
}


@pytest.fixture(autouse=True, scope="module")
def network_codes():
    """What the network should code, whether it suits or not: it is untrained."""
    with mock.patch.object(tile_coding, "_limit", limit):
        yield


@pytest.mark.parametrize("used", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("size", [(1, 1), (1, 1100), (7, 13), (65, 37)])
def test_round_trip_of_every_mode(mode, size, used, monkeypatch):
    monkeypatch.setattr(tiles, "TILE_PIXELS", 32 * 32)
    monkeypatch.setattr(CausalCodec, "threads", 1)
    picture, done = picture_of(mode, *size, metadata=size[0] > 1), []
    data = encode_picture(picture, used, progress=done.append)
    assert (len(unpack(data).tiles) > 1) == (max(size) > 60)
    monkeypatch.setattr(CausalCodec, "threads", 3)
    assert encode_picture(picture, used) == data
    decoded = decode_picture(data, lambda *model: used, progress=done.append)
    assert decoded.damaged == ()
    assert decoded.picture == picture
    assert decoded.picture.samples.dtype == mode.dtype
    assert sum(done) == 2 * size[0] * size[1]


def test_other_arithmetic_is_told_from_altered_bytes():
    """Weights that differ in the last bit stand for another processor's rounding."""
    picture = Picture.from_array(smooth(64, 64))
    data = encode_picture(picture, CODEC)
    other = tiny().codec()
    for parameter in other.network.predictors.parameters():
        parameter.mul_(1 + 1e-3)
    other.identity = CODEC.identity
    with pytest.raises(NotExactError):
        decode_picture(data, lambda *model: other)


def test_streams_that_floating_point_cannot_follow_are_not_damaged():
    """A family whose decoder notices in the middle that the symbols went wrong."""

    def codec(factor):
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
        decode_picture(data, lambda *model: decoder)
    with pytest.raises(NotExactError):
        decode_pictures([data, data], lambda *model: decoder)
    assert decode_picture(data, lambda *model: encoder).picture == picture


@pytest.mark.parametrize("family", CODECS)
def test_fuzzing_the_decoder_finds_nothing(family):
    answers, findings, _ = fuzz_decoder.fuzz(400, 0, codec=CODECS[family])
    assert findings == []
    assert {"NotExactError", "TileAlteredError", "CorruptStreamError", "salvaged"} <= set(answers)


@pytest.mark.parametrize("used", CODECS.values(), ids=CODECS)
def test_a_batch_has_the_files_of_its_pictures(used, monkeypatch):
    monkeypatch.setattr(pyramid_codec, "TOGETHER", 3 * 9 * 11)  # pictures at once, the last alone
    monkeypatch.setattr(CausalCodec, "threads", 2)
    sizes = [(9, 11), (5, 7), (9, 11), (9, 11), (9, 11)]
    pictures = [Picture.from_array(noise(*size, 3)) for size in sizes]
    pictures.append(Picture.from_array(np.full((9, 11, 3), 5, np.uint8)))  # by the fallback
    pictures += [picture_of(mode, 9, 11) for mode in (Mode.RGBA, Mode.GREY, Mode.RGB16)]
    files = encode_pictures(pictures, used)
    assert files == [encode_picture(picture, used) for picture in pictures]
    assert decode_pictures(files, lambda *model: used) == pictures
    payload = bytearray(files[3])
    payload[-20] ^= 1
    with pytest.raises(CoderError):
        decode_pictures([*files[:3], bytes(payload), files[4]], lambda *model: used)
    assert decode_pictures([], lambda *model: used) == []
