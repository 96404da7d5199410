"""Picture <-> file: every mode, tiles, batches, other arithmetic; no wrong pixel ever.

What codes a tile of RGB: the network where it suits, the fallback where it does not.
"""

import fuzz_files
import numpy as np
import pytest
from autoregressive import Autoregressive, AutoregressiveSettings
from pictures import picture_of
from PIL import Image, ImageDraw
from tiny_models import integers, limit, noise, smooth, tiny, tiny_causal

from coder.errors import CoderError, CorruptStreamError
from l3c import tile_coding
from l3c.coding import decode_picture, decode_pictures, encode_picture, encode_pictures
from l3c.data.sources import embedded_photos
from l3c.fileformat import fallback, tiles
from l3c.fileformat.container import Container, Tile, pack, unpack
from l3c.fileformat.errors import NotExactError
from l3c.images.picture import Mode, Picture
from l3c.models import pyramid_codec
from l3c.models.causal import CausalCodec
from l3c.models.tile_codec import Arithmetic
from l3c.models.zoo import open_codec
from l3c.tile_coding import Choice, split_payload

CODEC = tiny().codec()
CODECS = {
    "float": CODEC,
    "integer": tiny().codec("cpu", integers()),
    "causal": tiny_causal(),
}


@pytest.fixture
def network_codes(monkeypatch):
    """The network codes what it should, whether it suits or not: it is untrained."""
    monkeypatch.setattr(tile_coding, "_limit", limit)


@pytest.mark.usefixtures("network_codes")
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
    assert decoded == picture
    assert decoded.samples.dtype == mode.dtype
    assert sum(done) == 2 * size[0] * size[1]


@pytest.mark.usefixtures("network_codes")
def test_other_arithmetic_is_told_from_altered_bytes():
    """Weights that differ in the last bit stand for another processor's rounding."""
    picture = Picture.from_array(smooth(64, 64))
    data = encode_picture(picture, CODEC)
    other = tiny().codec()
    for parameter in other.model.predictors.parameters():
        parameter.mul_(1 + 1e-3)
    other.identity = CODEC.identity
    with pytest.raises(NotExactError):
        decode_picture(data, lambda *model: other)


@pytest.mark.usefixtures("network_codes")
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
    assert decode_picture(data, lambda *model: encoder) == picture


@pytest.mark.parametrize("family", CODECS)
def test_fuzzing_the_decoder_finds_nothing(family):
    answers, findings = fuzz_files.fuzz(400, *fuzz_files.decoder(CODECS[family]))
    assert findings == []
    assert {"NotExactError", "TileAlteredError", "CorruptStreamError", "salvaged"} <= set(answers)


@pytest.mark.usefixtures("network_codes")
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


HEADER = 50  # bytes, of a file of one tile


@pytest.fixture(scope="module", params=["causal-middle", "interlaced-small"])
def codec(request):
    """Of a model that comes with the package, which has seen photographs."""
    return open_codec(request.param, "cpu")


def screenshot(height=96, width=160):
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for y in range(4, height - 10, 14):
        draw.text((8, y), "every bit is kept", fill=(20, 20, 60))
    draw.rectangle((width // 2, height // 2, width - 9, height - 9), fill=(200, 220, 250))
    return np.asarray(image)


def photograph(height=128, width=128):
    return embedded_photos("test")[0].read()[100 : 100 + height, 200 : 200 + width].copy()


def gradient():
    return np.repeat(np.linspace(0, 255, 4000).astype(np.uint8)[None, :, None], 3, axis=2)


def with_photograph():
    image = screenshot(128, 128).copy()
    image[64:, 64:] = photograph(64, 64)
    return image


@pytest.fixture
def half_as_large_again(monkeypatch):
    """Estimates that leave photographs to the network, however little it was trained."""
    estimate = fallback.estimate
    monkeypatch.setattr(fallback, "estimate", lambda rgb: [3 * n // 2 for n in estimate(rgb)])


IMAGES = {
    "noise": lambda: noise(96, 64, 3),
    "noise in a strip": lambda: noise(1, 5001, 3),
    "noise in a column": lambda: noise(5001, 1, 3),
    "one pixel": lambda: noise(1, 1, 3),
    "small noise": lambda: noise(16, 16, 3),
    "gradient in a strip": gradient,
    "flat": lambda: np.full((80, 80, 3), 99, np.uint8),
    "screenshot": screenshot,
    "screenshot with a photograph": with_photograph,
    "four colours": lambda: (noise(80, 80, 1) >> 6).repeat(3, 2) * 80,
}


def by_network(data):
    container = unpack(data)
    return [split_payload(container, tile.payload or b"")[0] for tile in container.tiles]


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_what_does_not_suit_the_network_takes_the_fallback(codec, image, monkeypatch):
    samples = image()
    picture = Picture.from_array(samples)
    network = len(encode_picture(picture, codec, choice=Choice.NETWORK))
    alone = len(encode_picture(picture, None))
    data = encode_picture(picture, codec)
    assert len(data) <= min(network, alone)
    assert len(data) <= samples.nbytes + HEADER
    assert by_network(data) == [False]
    assert unpack(data).arithmetic == Arithmetic.NONE
    monkeypatch.setattr(type(codec), "decode", None)
    assert (decode_picture(data, lambda *model: codec).samples == samples).all()


@pytest.mark.usefixtures("half_as_large_again")
def test_a_photograph_takes_the_network_and_a_quick_one_no_try_of_the_fallback(codec, monkeypatch):
    picture = Picture.from_array(photograph())
    monkeypatch.setattr(fallback, "encode", None)
    monkeypatch.setattr(type(codec), "quick", True)
    data = encode_picture(picture, codec)
    assert by_network(data) == [True]
    assert unpack(data).version == 2
    assert data == encode_picture(picture, codec, choice=Choice.NETWORK)


@pytest.mark.usefixtures("half_as_large_again")
def test_alpha_goes_the_way_of_its_tile(codec):
    for rgb, network in ((photograph(), True), (screenshot(), False)):
        samples = np.concatenate([rgb, smooth(*rgb.shape[:2], 1)], axis=2)
        data = encode_picture(Picture.from_array(samples), codec)
        assert by_network(data) == [network]
        decoded = decode_picture(data, lambda *model: codec)
        assert decoded.mode == Mode.RGBA
        assert (decoded.samples == samples).all()


@pytest.mark.parametrize("channels", [1, 2])
def test_grey_goes_through_a_causal_network(codec, channels):
    causal = codec.arithmetic == Arithmetic.CAUSAL
    photo = photograph()[:, :, 1:]
    for samples, network in ((photo, causal), (screenshot()[:, :, 1:], False)):
        picture = Picture.from_array(samples[:, :, :channels])
        data = encode_picture(picture, codec)
        assert by_network(data) == [network]
        assert len(data) <= len(encode_picture(picture, None))
        assert decode_picture(data, lambda *model: codec) == picture


# Files of which tiles are coded differently: format 3


@pytest.fixture
def mixed(monkeypatch, network_codes):
    """Four tiles of 32x32 pixels, the second and the third of them flat."""
    monkeypatch.setattr(tiles, "TILE_PIXELS", 32 * 32)
    samples = smooth(64, 64)
    samples[:32, 32:] = 7
    samples[32:, :32] = (1, 2, 3)
    picture = Picture.from_array(samples)
    return picture, encode_picture(picture, CODEC)


def test_a_mixed_file_is_of_format_3(mixed):
    picture, data = mixed
    assert unpack(data).version == 3
    assert by_network(data) == [True, False, False, True]
    assert decode_picture(data, lambda *model: CODEC) == picture
    assert decode_pictures([data], lambda *model: CODEC) == [picture]
    part = decode_picture(data, lambda *model: CODEC, region=(20, 24, 30, 40))
    assert (part.samples == picture.samples[20:50, 24:64]).all()


def test_a_kind_that_no_writer_knows_is_refused(mixed):
    picture, data = mixed
    container = unpack(data)
    for payload in (b"\2abc", b""):
        first = Tile.of(payload, picture.samples[:32, :32])
        values = vars(container) | {"tiles": (first, *container.tiles[1:])}
        with pytest.raises(CorruptStreamError):
            decode_picture(pack(Container(**values)), lambda *model: CODEC)
