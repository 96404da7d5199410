"""Plain 8-bit RGB is read and written to the pixel; everything else is refused with a reason.

What is no image at all is refused by l3c.images (tests/images).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_models import noise

from l3c.data.images import file_sha256, pixel_sha256, read_png_text, read_rgb, write_png
from l3c.images.picture import PictureError

pytestmark = pytest.mark.filterwarnings("error")

RGB = Image.fromarray(noise(16, 20, 3))


def test_everything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")  # would block for ever if it were opened
    (tmp_path / "empty.png").touch()
    RGB.save(tmp_path / "photo.heic", format="PNG")
    no_files = list(tmp_path.iterdir())
    for name in ("L.png", "L.jpg", "P.gif", "RGBA.webp", "LA.png", "CMYK.jpg", "F.tif"):
        image = RGB.convert(name.partition(".")[0])
        if image.mode == "RGBA":
            image.putalpha(128)  # WebP leaves out a channel that is opaque everywhere
        image.save(tmp_path / name)
    RGB.save(tmp_path / "key.png", transparency=(1, 2, 3))
    for path in tmp_path.iterdir():
        for read in (read_rgb, file_sha256) if path in no_files else (read_rgb,):
            with pytest.raises(PictureError) as caught:
                read(path)
            assert caught.value.name == str(path)
            assert caught.value.reason
            assert str(path) not in caught.value.reason
            assert "\n" not in caught.value.reason


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (64, 33)])
def test_png_round_trip_with_text(tmp_path: Path, size: tuple[int, int]) -> None:
    image, path = noise(*size, 3), tmp_path / "a.png"
    write_png(path, image, {"note": "größe"})
    assert np.array_equal(read_rgb(path), image)
    assert read_png_text(path)["note"] == "größe"
    path.write_bytes(b"no")
    assert read_png_text(path) == read_png_text(tmp_path / "missing.png") == {}


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
