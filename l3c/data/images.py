"""Image file <-> uint8 (H, W, 3) array, and what is refused on the way in.

Only plain 8-bit RGB is accepted. Anything else would have to be converted, and a lossless result on
a converted image is not a result on the file that the user named.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from l3c.data.errors import ImageError
from l3c.picture import MODE_NAMES
from l3c.picture_reading import (
    FORMATS,
    HEAD_BYTES,
    IMAGE_SUFFIXES,
    READABLE_SUFFIXES,
    bit_depth,
    file_problem,
    one_line,
    reading_problem,
    tiff_problem,
)
from l3c.whole_files import whole_file

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "READABLE_SUFFIXES",
    "ImageError",
    "RGBImage",
    "check_rgb",
    "file_sha256",
    "pixel_sha256",
    "read_png_text",
    "read_rgb",
    "write_png",
]

RGBImage = NDArray[np.uint8]

# 2^27 pixels are 403 MB of RGB: above any camera, below Pillow's own limit for decompression bombs.
MAX_PIXELS = 2**27


def read_rgb(path: Path) -> RGBImage:
    """Pixels of a plain 8-bit RGB image file (BMP, JPEG, PNG, TIFF or WebP).

    The EXIF orientation is not applied and the color profile is not used: the pixels count as
    stored (Pillow itself turns a TIFF). Of a JPEG with several pictures (MPO, as phones write it)
    the main one is read.

    Returns:
        uint8 (H, W, 3), C-contiguous, writable.

    Raises:
        ImageError: for everything else, with the reason; a warning of Pillow is never passed on.
    """
    path = Path(path)
    _check_file(path)
    try:
        # Pillow warns about EXIF and large images. What matters of it is decided here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as picture:
                _check_picture(path, picture)
                return np.array(picture, dtype=np.uint8, order="C")
    except ImageError:
        raise
    except MemoryError:
        raise  # says something about the machine, not about the file
    except Exception as error:
        raise ImageError(path, reading_problem(error)) from error


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes; raises ImageError where read_rgb cannot even open it."""
    _check_file(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(path, one_line(error)) from None


def check_rgb(image: object) -> None:
    """Returns if `image` is a uint8 array of shape (H, W, 3) with H, W >= 1.

    Raises:
        TypeError: if it is no array, or of another dtype.
        ValueError: if it has another shape.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        got = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise TypeError(f"expected a uint8 array, got {got}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected shape (H, W, 3) with H, W >= 1, got {image.shape}")


def write_png(
    path: Path, image: RGBImage, text: Mapping[str, str] | None = None, durable: bool = True
) -> None:
    """Writes `image` as a PNG that appears whole or not at all.

    Args:
        path: where to; its folder exists.
        image: uint8 (H, W, 3).
        text: ASCII key -> text, stored in the file (read_png_text returns it).
        durable: see `whole_file`.
    """
    check_rgb(image)
    info = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    with whole_file(path, durable) as file:
        Image.fromarray(image).save(file, format="PNG", pnginfo=info)


def read_png_text(path: Path) -> dict[str, str]:
    """The texts that write_png stored in a PNG; empty for any other file, broken ones included."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("PNG",)) as picture:
                return {str(k): str(v) for k, v in picture.info.items() if isinstance(v, str)}
    except Exception:  # as in read_rgb: any error means that this file is none of ours
        return {}


def pixel_sha256(image: RGBImage) -> str:
    """SHA-256 (hex) of the size as "HxW" and a newline, then the RGB bytes row by row."""
    check_rgb(image)
    digest = hashlib.sha256(f"{image.shape[0]}x{image.shape[1]}\n".encode("ascii"))
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def _check_file(path: Path) -> None:
    if problem := file_problem(path):
        raise ImageError(path, problem)


def _check_picture(path: Path, picture: Image.Image) -> None:
    """Judges by the header, before the pixels take memory."""
    if picture.mode != "RGB":
        kind = MODE_NAMES.get(picture.mode, f"mode {picture.mode}")
        raise ImageError(path, f"{kind}, not 8-bit RGB")
    if "transparency" in picture.info:
        raise ImageError(path, "a transparent color, not plain RGB")
    with path.open("rb") as file:
        bits = bit_depth(picture, file.read(HEAD_BYTES))
    if bits != 8:
        raise ImageError(path, f"{bits} bits per channel, not 8")
    if problem := tiff_problem(picture):
        raise ImageError(path, problem)
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":
        raise ImageError(path, f"animated or multi-page: {frames} frames, not 1")
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(
            path, f"{picture.width} x {picture.height} pixels, more than the {MAX_PIXELS} allowed"
        )
