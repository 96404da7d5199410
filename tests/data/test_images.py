"""Files that are no plain 8-bit RGB image are refused with a reason, never with a warning."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from l3c.data.images import (
    ImageError,
    pixel_sha256,
    read_png_text,
    read_rgb,
    write_png,
)

pytestmark = pytest.mark.filterwarnings("error")


def picture(mode: str = "RGB", size: tuple[int, int] = (20, 16)) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def png(bits: int, color: int, width: int, height: int, pixels: bytes) -> bytes:
    """A PNG file with any header, written by hand."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def tiff_16_bit() -> bytes:
    """A 2 x 1 pixel RGB TIFF with 16 bits per channel; Pillow reads it as 8-bit RGB."""
    tags = [
        (256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 3, 134), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 140), (277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, 12), (284, 3, 1, 1),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    start = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + struct.pack("<I", 0)
    start = start.ljust(134, b"\0")
    return start + struct.pack("<3H", 16, 16, 16) + struct.pack("<6H", 1, 300, 9000, 4, 50000, 6)


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


def test_of_several_pictures_in_a_jpeg_the_main_one_is_read(tmp_path: Path) -> None:
    thumbnail = picture(size=(8, 8))
    picture().save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[thumbnail])
    assert read_rgb(tmp_path / "a.jpg").shape == (16, 20, 3)


@pytest.mark.parametrize(
    ("name", "mode", "reason"),
    [
        ("grey.png", "L", "greyscale"),
        ("grey.jpg", "L", "greyscale"),
        ("bits.png", "1", "black and white"),
        ("palette.png", "P", "palette"),
        ("palette.gif", "P", "palette"),
        ("alpha.png", "RGBA", "alpha"),
        ("alpha.webp", "RGBA", "alpha"),
        ("greyalpha.png", "LA", "greyscale with alpha"),
        ("cmyk.jpg", "CMYK", "CMYK"),
        ("deep.png", "I;16", "16-bit greyscale"),
        ("float.tif", "F", "floating-point"),
    ],
)
def test_other_modes_are_refused_by_name(tmp_path: Path, name: str, mode: str, reason: str) -> None:
    image = picture("L").convert("I").convert(mode) if mode == "I;16" else picture(mode)
    if mode == "RGBA":
        image.putalpha(128)  # WebP leaves out a channel that is opaque everywhere
    image.save(tmp_path / name)
    with pytest.raises(ImageError, match=reason) as caught:
        read_rgb(tmp_path / name)
    assert caught.value.path == tmp_path / name
    assert str(caught.value).startswith(f"{tmp_path / name}: ")


def broken_files() -> dict[str, tuple[bytes, str]]:
    whole_png, whole_jpeg = png(8, 2, 4, 2, bytes(26)), b"\xff\xd8\xff\xe0" + bytes(60)
    return {
        "text.png": (b"not a picture\n", "not an image"),
        "empty.png": (b"", "empty file"),
        "header.png": (whole_png[:20], "not an image|unreadable"),
        "truncated.png": (whole_png[:48], "unreadable or truncated"),
        "nothing.jpg": (whole_jpeg, "unreadable|not an image"),
        "deep.png": (png(16, 2, 2, 1, bytes(13)), "16 bits per channel"),
        "deep.tif": (tiff_16_bit(), "16 bits per channel"),
        "large.png": (png(8, 2, 13000, 13000, b""), "13000 x 13000 pixels, more than"),
        "bomb.png": (png(8, 2, 40000, 40000, b""), "pixels"),
        "photo.heic": (b"any", ".heic files are not read"),
        "photo.NEF": (tiff_16_bit(), ".nef files are not read"),
    }


@pytest.mark.parametrize("name", broken_files())
def test_broken_deep_and_huge_files_are_refused(tmp_path: Path, name: str) -> None:
    data, reason = broken_files()[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageError, match=reason) as caught:
        read_rgb(tmp_path / name)
    assert "\n" not in caught.value.reason
    assert str(tmp_path) not in caught.value.reason


def test_every_truncation_of_a_photo_is_refused_or_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    picture().save(path)
    whole, pixels = path.read_bytes(), read_rgb(path)
    refused = 0
    for size in range(1, len(whole), 7):
        path.write_bytes(whole[:size])
        try:
            image = read_rgb(path)
        except ImageError:
            refused += 1
        else:
            assert np.array_equal(image, pixels)
    assert refused > len(whole) // 7 - 10


def test_animation_and_transparent_color_are_refused(tmp_path: Path) -> None:
    picture().save(
        tmp_path / "a.png", save_all=True, append_images=[picture().rotate(180)], duration=100
    )
    picture().save(tmp_path / "b.tif", save_all=True, append_images=[picture()])
    picture().save(tmp_path / "c.png", transparency=(1, 2, 3))
    for name, reason in (("a.png", "animated"), ("b.tif", "2 frames"), ("c.png", "transparent")):
        with pytest.raises(ImageError, match=reason):
            read_rgb(tmp_path / name)


def test_missing_file_folder_dangling_link_and_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(tmp_path / "pipe.png")  # would block for ever if it were opened
    for name, reason in (
        ("gone.png", "No such file"),
        ("link.png", "No such file"),
        ("folder.png", "not a regular file"),
        ("pipe.png", "not a regular file"),
    ):
        with pytest.raises(ImageError, match=reason):
            read_rgb(tmp_path / name)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (64, 33)])
def test_png_round_trip_with_text(tmp_path: Path, size: tuple[int, int]) -> None:
    image = np.array(picture(size=size))
    write_png(tmp_path / "a.png", image, {"note": "größe"})
    assert np.array_equal(read_rgb(tmp_path / "a.png"), image)
    assert read_png_text(tmp_path / "a.png")["note"] == "größe"
    assert os.listdir(tmp_path) == ["a.png"]


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_png(tmp_path / "a.png", np.ones((2, 2, 3), np.uint8))
    assert os.listdir(tmp_path) == ["a.png"]
    assert not read_rgb(tmp_path / "a.png").any()


def test_text_of_a_file_that_is_no_png_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no")
    assert read_png_text(tmp_path / "a.png") == {}
    assert read_png_text(tmp_path / "missing.png") == {}


def test_pixel_hash_knows_the_shape_and_ignores_strides() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert pixel_sha256(image) == hashlib.sha256(b"2x4\n" + bytes(range(24))).hexdigest()
    assert pixel_sha256(image.reshape(4, 2, 3)) != pixel_sha256(image)
    assert pixel_sha256(np.asfortranarray(image)) == pixel_sha256(image)


@pytest.mark.parametrize(
    ("image", "error", "got"),
    [
        (np.zeros((2, 2), np.uint8), ValueError, r"\(2, 2\)"),
        (np.zeros((0, 2, 3), np.uint8), ValueError, r"\(0, 2, 3\)"),
        (np.zeros((2, 2, 3)), TypeError, "float64"),
        ([[1]], TypeError, "list"),
    ],
)
def test_wrong_arrays_are_named(
    tmp_path: Path, image: object, error: type[Exception], got: str
) -> None:
    with pytest.raises(error, match=got):
        write_png(tmp_path / "a.png", image)  # type: ignore[arg-type]
