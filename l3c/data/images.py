"""Plain 8-bit RGB image file <-> uint8 (H, W, 3) array, and what is refused on the way in.

Anything else would have to be converted, and a lossless result on a converted image is not a result
on the file that the user named.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from l3c.images.picture import Mode, PictureError, Section
from l3c.images.reading import file_problem, read_picture
from l3c.messages import one_line
from l3c.whole_files import whole_file

RGBImage = NDArray[np.uint8]


def read_rgb(path: Path) -> RGBImage:
    """Pixels of a plain 8-bit RGB image file (BMP, JPEG, PNG, TIFF or WebP).

    See `l3c.images.reading.read_picture`: the pixels count as stored.

    Returns:
        uint8 (H, W, 3), C-contiguous, writable.

    Raises:
        PictureError: for everything else, with the reason; a warning of Pillow is never passed on.
    """
    picture = read_picture(path)
    if picture.mode != Mode.RGB:
        raise PictureError(f"{picture.mode.text}, not 8-bit RGB", str(path))
    if Section.TRANSPARENCY in picture.sections:
        raise PictureError("a transparent color, not plain RGB", str(path))
    samples: RGBImage = picture.samples
    return samples


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes; raises PictureError where it cannot be an image."""
    if problem := file_problem(path):
        raise PictureError(problem, str(path))
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PictureError(one_line(error), str(path)) from None


def check_rgb(image: object) -> None:
    """Returns if `image` is a uint8 array of shape (H, W, 3) with H, W >= 1.

    Raises:
        TypeError: if it is no array, or of another dtype.
        ValueError: if it has another shape.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        got = getattr(image, "dtype", type(image).__name__)
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
    except Exception:  # any error means that this file is none of ours
        return {}


def pixel_sha256(image: RGBImage) -> str:
    """SHA-256 (hex) of the size as "HxW" and a newline, then the RGB bytes row by row."""
    check_rgb(image)
    digest = hashlib.sha256(f"{image.shape[0]}x{image.shape[1]}\n".encode("ascii"))
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()
