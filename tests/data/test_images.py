"""Plain 8-bit RGB is read and written to the pixel; everything else is refused with a reason."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from l3c.data.images import file_sha256, pixel_sha256, read_png_text, read_rgb, write_png
from l3c.images.picture import PictureError

pytestmark = pytest.mark.filterwarnings("error")


def picture(mode: str = "RGB", size: tuple[int, int] = (20, 16)) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def refuse(path: Path, read: Callable[[Path], object] = read_rgb) -> None:
    with pytest.raises(PictureError) as caught:
        read(path)
    assert caught.value.name == str(path)
    assert caught.value.reason
    assert str(path) not in caught.value.reason
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".bmp", ".PNG"])
def test_plain_rgb_is_read_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    picture().save(path, lossless=True)
    image = read_rgb(path)
    assert np.array_equal(image, np.array(picture()))
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image.flags.writeable


def test_jpeg_is_read_as_stored_without_its_exif_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # turned by 90 degrees
    picture().save(tmp_path / "a.jpg", exif=exif)
    assert read_rgb(tmp_path / "a.jpg").shape == (16, 20, 3)


OTHERS = "L.png L.jpg 1.png P.png P.gif RGBA.png RGBA.webp LA.png CMYK.jpg I;16.png F.tif"


@pytest.mark.parametrize("name", OTHERS.split())
def test_other_modes_are_refused(tmp_path: Path, name: str) -> None:
    mode = name.partition(".")[0]
    image = picture("L").convert("I").convert(mode) if mode == "I;16" else picture(mode)
    if mode == "RGBA":
        image.putalpha(128)  # WebP leaves out a channel that is opaque everywhere
    image.save(tmp_path / name)
    refuse(tmp_path / name)


def test_16_bit_and_transparent_rgb_are_refused(tmp_path: Path) -> None:
    deep = np.full((3, 5, 3), 300, np.uint16)
    for encode in (imagecodecs.png_encode, imagecodecs.tiff_encode):
        (tmp_path / "a.png").write_bytes(encode(deep))
        refuse(tmp_path / "a.png")
    picture().save(tmp_path / "a.png", transparency=(1, 2, 3))
    refuse(tmp_path / "a.png")


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(tmp_path / "pipe.png")  # would block for ever if it were opened
    (tmp_path / "empty.png").touch()
    picture().save(tmp_path / "photo.heic", format="PNG")
    for name in ("gone.png", "link.png", "folder.png", "pipe.png", "empty.png", "photo.heic"):
        refuse(tmp_path / name)
        refuse(tmp_path / name, file_sha256)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (64, 33)])
def test_png_round_trip_with_text(tmp_path: Path, size: tuple[int, int]) -> None:
    image = np.array(picture(size=size))
    write_png(tmp_path / "a.png", image, {"note": "größe"})
    assert np.array_equal(read_rgb(tmp_path / "a.png"), image)
    assert read_png_text(tmp_path / "a.png")["note"] == "größe"
    (tmp_path / "a.png").write_bytes(b"no")
    assert read_png_text(tmp_path / "a.png") == read_png_text(tmp_path / "missing.png") == {}


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    monkeypatch.setattr(os, "replace", lambda *paths: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_png(tmp_path / "a.png", np.ones((2, 2, 3), np.uint8))
    assert os.listdir(tmp_path) == ["a.png"]
    assert not read_rgb(tmp_path / "a.png").any()


def test_pixel_hash_knows_the_shape_and_ignores_strides() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert pixel_sha256(image) == hashlib.sha256(b"2x4\n" + bytes(range(24))).hexdigest()
    assert pixel_sha256(image.reshape(4, 2, 3)) != pixel_sha256(image)
    assert pixel_sha256(np.asfortranarray(image)) == pixel_sha256(image)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (np.zeros((2, 2), np.uint8), ValueError),
        (np.zeros((0, 2, 3), np.uint8), ValueError),
        (np.zeros((2, 2, 3)), TypeError),
        ([[1]], TypeError),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, image: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        write_png(tmp_path / "a.png", image)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []
