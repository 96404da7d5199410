"""Image files: what is written is read again, and what would be lost or misread is refused.

Ends that PNG and JPEG files lack are in test_png.py and test_jpeg.py.
"""

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import exif_block, noise, pictures, refused, saved
from PIL import Image
from png_files import png_file

from l3c.images import reading
from l3c.images.picture import Mode, Picture, Section
from l3c.images.pillow import from_pil, to_pil
from l3c.images.png import png_of
from l3c.images.reading import read_picture


def blank(mode, shape=(5, 6), **sections):
    found = {Section[name]: content for name, content in sections.items()}
    return Picture(mode, np.zeros((*shape, mode.channels), mode.dtype), found)


@pytest.mark.parametrize("mode", Mode)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_file_holds_all(mode, data):
    picture = data.draw(pictures((mode,)))
    for one in (picture, picture.strip(), blank(mode)):
        found = read_picture(b"".join(png_of(one)))
        assert found == one or (mode, one.sections) == (Mode.PALETTE, {})


def test_indices_beyond_the_palette_are_kept():
    """Pillow alone would write 7 as 1, since a palette of two entries takes one bit."""
    image = Image.frombytes("P", (2, 1), b"\x01\x07")
    image.putpalette(b"abcdef")
    picture = from_pil(image)
    assert from_pil(to_pil(picture)) == picture
    found = read_picture(b"".join(png_of(picture)))
    assert found.samples.tobytes() == b"\x01\x07"
    assert found.sections[Section.PALETTE] == b"abcdef" + bytes(18)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_orientation_is_kept_and_not_applied(kind):
    picture = read_picture(saved(Image.fromarray(noise(3)), kind, exif=b"Exif\0\0" + exif_block()))
    assert (picture.height, picture.width, picture.sections) == (6, 9, {Section.EXIF: exif_block()})


def animated(kind):
    frames = [Image.fromarray(noise(3)), Image.new("RGB", (9, 6))]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


def tiff(array, **options):
    return bytes(imagecodecs.tiff_encode(array, **options))


RGB_TIFF = {"photometric": 2, "planarconfig": 1}
PLANES = np.moveaxis(noise(3, np.uint16), 2, 0).copy()
REFUSED = {
    "CMYK: convert it to RGB": [
        lambda kind=kind: saved(Image.new("CMYK", (3, 3)), kind) for kind in ("JPEG", "TIFF")
    ],
    "floating-point greyscale": [lambda: saved(Image.new("F", (3, 3)), "TIFF")],
    "32-bit greyscale": [lambda: saved(Image.new("I", (3, 3)), "TIFF")],
    "LAB: convert": [lambda: saved(Image.new("LAB", (3, 3)), "TIFF")],
    "YCbCr: convert": [lambda: saved(Image.new("YCbCr", (3, 3)), "TIFF")],
    "2 frames": [lambda kind=kind: animated(kind) for kind in ("GIF", "WEBP", "PNG", "TIFF")],
    "16-bit grey with alpha": [lambda: bytes(imagecodecs.png_encode(noise(2, np.uint16)))],
    "16-bit RGBA": [
        lambda: bytes(imagecodecs.png_encode(noise(4, np.uint16))),
        lambda: tiff(noise(4, np.uint16), photometric=2),
    ],
    "premultiplied": [lambda: tiff(noise(4), extrasample=1, **RGB_TIFF)],
    "more channels than RGB": [lambda: tiff(noise(4), extrasample=0, **RGB_TIFF)],
    "plane by plane": [lambda: tiff(PLANES, photometric=2, planarconfig=2)],
    "white to black": [lambda: tiff(noise(1, np.uint16)[..., 0], photometric=0)],
    "a TIFF of a kind that is not read": [lambda: b"II*\x00garbage"],
    "empty file": [lambda: b""],
    "not an image": [lambda: b"hello, this is no image"],
    "pixels": [lambda: png_file(b"", (20000, 20000, 8, 2, 0))],  # Pillow's own words
}


@pytest.mark.parametrize(("says", "make"), [(k, make) for k in REFUSED for make in REFUSED[k]])
def test_files_refused_by_name(says, make, tmp_path):
    data, path = make(), tmp_path / "some.file"
    path.write_bytes(data)
    assert refused(data).startswith("<stdin>: ")
    assert refused(data, "upload").startswith("upload: ")
    assert refused(path).startswith(f"{path}: ")
    assert says in refused(path)


def test_paths_refused(tmp_path):
    (tmp_path / "x.nef").write_bytes(b"II*\x00")
    for name, reason in (("none.png", "No such file"), (".", "regular"), ("x.nef", ".nef")):
        assert reason in refused(tmp_path / name).removeprefix(f"{tmp_path / name}: ")


def test_size_limit_is_checked_before_the_pixels(monkeypatch):
    data = saved(Image.new("L", (5, 4)), "PNG")
    monkeypatch.setattr(reading, "MAX_PIXELS", 20)
    assert read_picture(data).samples.size == 20
    monkeypatch.setattr(reading, "MAX_PIXELS", 19)
    assert "5 x 4 pixels" in refused(data)


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "BMP", "GIF", "TIFF16"])
def test_truncated_files(kind):
    large = noise(3, np.uint16 if kind.endswith("16") else np.uint8).repeat(9, 0).repeat(9, 1)
    data = tiff(large) if kind == "TIFF16" else saved(Image.fromarray(large), kind)
    for length in (1, 10, 30, len(data) // 3, len(data) // 2):
        assert refused(data[:length]).startswith("<stdin>: ")
