"""Image file <-> uint8 (H, W, 3) array, and what is refused on the way in.

Only plain 8-bit RGB is accepted. Anything else would have to be converted, and a lossless result on
a converted image is not a result on the file that the user named.
"""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from l3c.data.errors import ImageError

__all__ = [
    "FOREIGN_SUFFIXES",
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

# Pillow knows many more formats. These are the ones whose bit depth is checked below, so that no
# 16-bit file slips through as the 8-bit image that Pillow makes of it without a word.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
READABLE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
# Pictures as well, but not read: refused by name, since Pillow takes some raw files for TIFF and
# returns their thumbnail.
FOREIGN_SUFFIXES = frozenset(
    {".arw", ".avif", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".jp2", ".jxl", ".nef", ".orf"}
    | {".pgm", ".ppm", ".psd", ".raf", ".rw2", ".svg"}
)
# 2^27 pixels are 403 MB of RGB: above any camera, below Pillow's own limit for decompression bombs.
MAX_PIXELS = 2**27

_MODES = {
    "1": "black and white",
    "L": "greyscale",
    "LA": "greyscale with alpha",
    "La": "greyscale with alpha",
    "P": "palette",
    "PA": "palette with alpha",
    "RGBA": "alpha channel",
    "RGBa": "alpha channel",
    "RGBX": "four channels",
    "CMYK": "CMYK",
    "YCbCr": "YCbCr",
    "LAB": "LAB",
    "HSV": "HSV",
    "I": "32-bit greyscale",
    "F": "floating-point greyscale",
    "I;16": "16-bit greyscale",
    "I;16B": "16-bit greyscale",
    "I;16L": "16-bit greyscale",
}


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
            with Image.open(path, formats=_FORMATS) as picture:
                _check_picture(path, picture)
                return np.array(picture, dtype=np.uint8, order="C")
    except ImageError:
        raise
    except MemoryError:
        raise  # says something about the machine, not about the file
    except UnidentifiedImageError:
        reason = "not an image: no PNG, JPEG, WebP, TIFF or BMP data"
        raise ImageError(path, reason) from None
    except Image.DecompressionBombError as error:
        raise ImageError(path, _one_line(error)) from None
    except Exception as error:
        # Pillow raises nearly anything on broken bytes: OSError, SyntaxError, struct.error.
        raise ImageError(path, f"unreadable or truncated: {_one_line(error)}") from error


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes; raises ImageError where read_rgb cannot even open it."""
    _check_file(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(path, _one_line(error)) from None


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


def write_png(path: Path, image: RGBImage, text: Mapping[str, str] | None = None) -> None:
    """Writes `image` as a PNG that appears whole or not at all.

    Args:
        path: where to; its folder exists. A killed process leaves at most a hidden `.part` file.
        image: uint8 (H, W, 3).
        text: ASCII key -> text, stored in the file (read_png_text returns it).
    """
    check_rgb(image)
    info = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        Image.fromarray(image).save(part, format="PNG", pnginfo=info)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


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
    suffix = path.suffix.lower()
    if suffix in FOREIGN_SUFFIXES:
        raise ImageError(path, f"{suffix} files are not read: convert it to PNG")
    try:
        status = path.stat()
    except OSError as error:
        raise ImageError(path, _one_line(error)) from None
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait forever
        raise ImageError(path, "not a regular file")
    if status.st_size == 0:
        raise ImageError(path, "empty file")


def _check_picture(path: Path, picture: Image.Image) -> None:
    """Judges by the header, before the pixels take memory."""
    if picture.mode != "RGB":
        kind = _MODES.get(picture.mode, f"mode {picture.mode}")
        raise ImageError(path, f"{kind}, not 8-bit RGB")
    if "transparency" in picture.info:
        raise ImageError(path, "a transparent color, not plain RGB")
    bits = _bit_depth(path, picture)
    if bits != 8:
        raise ImageError(path, f"{bits} bits per channel, not 8")
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":
        raise ImageError(path, f"animated or multi-page: {frames} frames, not 1")
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(
            path, f"{picture.width} x {picture.height} pixels, more than the {MAX_PIXELS} allowed"
        )


def _bit_depth(path: Path, picture: Image.Image) -> int:
    """Bits per channel in the file. Pillow shows 16-bit RGB as 8-bit, in these two formats."""
    if picture.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24]  # signature, then IHDR: length, type, width, height, bit depth
    if picture.format == "TIFF":
        bits = picture.getexif().get(258, 8)  # BitsPerSample: one number, or one for each channel
        return int(max(bits)) if isinstance(bits, tuple) else int(bits)
    return 8


def _one_line(error: BaseException) -> str:
    """The message without line breaks and without the path, which the caller names."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__
