"""Pictures: round trips through arrays and Pillow; everything that is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from pictures import pictures
from PIL import Image

from l3c.images.picture import Mode, Picture, PictureError, Section
from l3c.images.pillow import from_pil, to_pil


@settings(max_examples=60, deadline=None)
@given(picture=pictures(tuple(set(Mode) - {Mode.RGB16})))
def test_round_trip_through_pillow(picture):
    image = to_pil(picture)
    assert (image.mode, image.size) == (picture.mode.pil, (picture.width, picture.height))
    assert from_pil(image) == picture


@pytest.mark.parametrize(
    ("shape", "dtype", "mode"),
    [
        ((2, 3), np.uint8, Mode.GREY),
        ((2, 3, 1), np.uint8, Mode.GREY),
        ((2, 3, 2), np.uint8, Mode.GREY_ALPHA),
        ((2, 3, 3), np.uint8, Mode.RGB),
        ((2, 3, 4), np.uint8, Mode.RGBA),
        ((2, 3), np.uint16, Mode.GREY16),
        ((2, 3, 3), np.dtype(">u2"), Mode.RGB16),
        ((2, 3), np.bool_, Mode.BILEVEL),
    ],
)
def test_from_array(shape, dtype, mode):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    picture = Picture.from_array(array)
    assert (picture.mode, picture.samples.dtype) == (mode, mode.dtype)
    assert (picture.samples == array.reshape(2, 3, -1)).all()
    if array.dtype.isnative and array.dtype != bool:
        assert np.shares_memory(picture.samples, array)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3, 5), np.uint8),
        np.zeros((2, 3, 4), np.uint16),
        np.zeros((2, 3), np.float32),
        np.zeros(3, np.uint8),
        np.zeros((0, 3), np.uint8),
        [[1]],
    ],
)
def test_from_array_refused(array):
    with pytest.raises(PictureError):
        Picture.from_array(array)


def pixel(mode):
    return np.zeros((1, 1, mode.channels), mode.dtype)


@pytest.mark.parametrize(
    ("mode", "samples", "sections"),
    [
        (mode, pixel(mode), {section: bytes(size)})
        for mode, section, sizes in (
            (Mode.RGB, Section.PALETTE, [3]),
            (Mode.RGBA, Section.TRANSPARENCY, [8]),
            (Mode.PALETTE, Section.PALETTE, [0, 4, 771]),
            (Mode.PALETTE, Section.TRANSPARENCY, [0, 257]),
            (Mode.GREY, Section.TRANSPARENCY, [6]),
            (Mode.RGB16, Section.TRANSPARENCY, [2]),
        )
        for size in sizes
    ]
    + [(Mode.RGB, pixel(Mode.RGB16), {}), (Mode.RGB, pixel(Mode.RGB)[0], {})]
    + [(Mode.BILEVEL, pixel(Mode.BILEVEL) + 2, {})],
)
def test_what_does_not_fit_the_mode(mode, samples, sections):
    with pytest.raises(PictureError):
        Picture(mode, samples, sections)


def test_equality_and_strip():
    grey = Picture.from_array(np.zeros((2, 2), np.uint8))
    assert grey == Picture.from_array(np.zeros((2, 2), np.uint8))
    assert grey != Picture.from_array(np.ones((2, 2), np.uint8))
    assert grey != Picture(Mode.PALETTE, grey.samples)
    assert grey != "grey"
    kept = {Section.TRANSPARENCY: b"\0\1"}
    full = kept | {Section.ICC: b"i", Section.EXIF: b"e", Section.XMP: b"x"}
    assert Picture(Mode.GREY, grey.samples, full).strip() == Picture(Mode.GREY, grey.samples, kept)


@pytest.mark.parametrize(
    ("mode", "transparency"),
    [(mode, None) for mode in ["PA", "La", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "F", "I"]]
    + [("L", b"\x01"), ("RGB", 5), ("RGB", (1, 2)), ("RGB", (1, 2, 70000)), ("L", -1), ("1", -1)]
    + [("P", value) for value in (-1, -2, 256, 2**70, 1.5, "red", b"", bytes(257))],
)
def test_pillow_images_refused(mode, transparency):
    image = Image.new(mode, (2, 2))
    image.info["transparency"] = transparency
    with pytest.raises(PictureError):
        from_pil(image)


def palette_image(entries):
    image = Image.frombytes("P", (5, 3), bytes(i % max(entries, 1) for i in range(15)))
    if entries:
        image.putpalette(bytes(i % 251 for i in range(3 * entries)))
    return image


@pytest.mark.parametrize("entries", [0, 1, 2, 15, 16, 17, 256])
@pytest.mark.parametrize("transparency", [None, 0, 7, 255, b"\x01", b"\xff\x00\xff\x80"])
def test_palettes_of_any_length(entries, transparency):
    image = palette_image(entries)
    if transparency is not None:
        image.info["transparency"] = transparency
    found = to_pil(from_pil(image))
    assert (found.mode, found.tobytes()) == ("P", image.tobytes())
    assert found.getpalette() == image.getpalette()
    assert found.info.get("transparency") == transparency


def test_transparency_left_over_beside_alpha_does_not_count():
    image = Image.new("RGBA", (2, 2))
    image.info["transparency"] = 3
    assert from_pil(image).sections == {}
