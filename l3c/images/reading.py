"""Image file -> picture: what is read, and what is refused and why. See `picture_writing`."""

from __future__ import annotations

import io
import stat
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import (  # noqa: F401 - the plugins, see READABLE_SUFFIXES
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageChops,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from l3c.images import jpeg_segments, png_chunks, tiff_tags
from l3c.images.jpeg_segments import JpegSegments
from l3c.images.picture import MODE_NAMES, Mode, Picture, PictureError, Section
from l3c.images.png_chunks import PngChunks

# Pillow knows many more formats. These are the ones whose bit depth is checked below, so that no
# 16-bit file slips through as the 8-bit image that Pillow makes of it without a word.
FORMATS = ("BMP", "DIB", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
# As Pillow knows them, also by rarer names (.jfif, .apng); it registers those of the plugins that
# are imported above. MPO is what it calls a JPEG with several pictures.
READABLE_SUFFIXES = frozenset(
    suffix for suffix, kind in Image.EXTENSION.items() if kind in {*FORMATS, "MPO"}
)
# Pictures as well, but not read: refused by name, since Pillow takes some raw files for TIFF and
# returns their thumbnail.
FOREIGN_SUFFIXES = frozenset(
    {".3fr", ".arw", ".avif", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".hif", ".j2k", ".jp2"}
    | {".jpx", ".jxl", ".nef", ".nrw", ".orf", ".pbm", ".pef", ".pgm", ".pnm", ".ppm", ".psd"}
    | {".raf", ".rw2", ".srw", ".svg", ".tga"}
)
IMAGE_SUFFIXES = READABLE_SUFFIXES | FOREIGN_SUFFIXES  # what counts as a picture in a folder
# Where Pillow itself calls a file a decompression bomb (it warns at half of it). Larger images can
# be given as arrays.
MAX_PIXELS = 178_956_970

_NO_IMAGE = "not an image: no PNG, JPEG, WebP, TIFF, GIF or BMP data"
_TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_DAMAGED = "unreadable or truncated"
_TAKEN = "only 8 bits, or 16 of grey or RGB, are taken"
_NATIVE = "L" if sys.byteorder == "little" else "B"


def read_picture(source: str | Path | bytes, name: str = "") -> Picture:
    """The picture in a BMP, GIF, JPEG, PNG, TIFF or WebP file.

    Pixels count as stored: EXIF orientation and color profile are kept and not applied (a TIFF is
    turned and the tag removed, as by Pillow). Grey of 2 and 4 bits becomes 8-bit grey. Of a JPEG
    with several pictures (MPO, as phones write it) the main one is read. What else is not kept is
    in the picture's `losses`.

    Args:
        source: path of the file, or what is in it.
        name: what to call it in messages; by default the path, or "<stdin>" for bytes.

    Raises:
        PictureError: for everything else, with the reason; a warning of Pillow is never passed on.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        name = name or str(path)
        if problem := file_problem(path):
            raise PictureError(problem, name)
        try:
            # All of it: Pillow would map some files into memory, and shears some of those.
            data = path.read_bytes()
        except OSError as error:
            raise PictureError(one_line(error), name) from error
    else:
        name = name or "<stdin>"
        data = bytes(source)
    if not data:
        raise PictureError("empty file", name)
    try:
        # Pillow warns about EXIF and large images. What matters of it is decided here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(data)
    except PictureError as error:
        raise PictureError(error.reason, name) from None
    except MemoryError:
        raise  # says something about the machine, not about the file
    except Exception as error:
        raise PictureError(_problem(error, data), name) from error


def file_problem(path: Path) -> str:
    """Why a file cannot be an image that is read; "" if nothing is known against it."""
    suffix = path.suffix.lower()
    if suffix in FOREIGN_SUFFIXES:
        return f"{suffix} files are not read: convert it to PNG"
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        return one_line(error)
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait forever
        return "not a regular file"
    return "" if status.st_size else "empty file"


def one_line(error: BaseException) -> str:
    """The message without line breaks and without the path, which the caller names."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def _problem(error: Exception, data: bytes) -> str:
    """What an exception of Pillow's reading says about the file, in one line."""
    if isinstance(error, UnidentifiedImageError):
        is_tiff = data.startswith(_TIFF_STARTS)
        return "a TIFF of a kind that is not read: convert it to PNG" if is_tiff else _NO_IMAGE
    if isinstance(error, Image.DecompressionBombError):
        return one_line(error)
    # Pillow raises nearly anything on broken bytes: OSError, SyntaxError, struct.error.
    return f"{_DAMAGED}: {one_line(error)}"


def _read(data: bytes) -> Picture:
    if data.startswith(png_chunks.SIGNATURE):
        return _read_png(PngChunks(data))
    if data.startswith(jpeg_segments.SIGNATURE):
        return _read_jpeg(data)
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_frames_and_size(image)
        if image.format != "TIFF":
            return Picture.from_pil(image)
        bits = tiff_tags.bit_depth(image)
        if problem := tiff_tags.problem(image):
            raise PictureError(f"{problem}: convert it to PNG")
        _check_depth(image, bits)
        if tiff_tags.lacks_pixels(image):
            raise PictureError(f"{_DAMAGED}: a TIFF without the data of all its rows")
        return _read_rgb16(image, data) if _is_rgb16(image, bits) else Picture.from_pil(image)


def _read_png(png: PngChunks) -> Picture:
    data = png.pixels()
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        _check_frames_and_size(image)
        if png.bits == 16 and png.color_type in (4, 6):  # Pillow has one name for both
            kind = "grey" if png.color_type == 4 else "RGB"
            raise PictureError(f"16-bit {kind} with alpha: {_TAKEN}")
        png.check_rows()
        rgb16 = _is_rgb16(image, png.bits)
        picture = _read_rgb16(image, data) if rgb16 else Picture.from_pil(image)
    if png.bits in (2, 4) and picture.mode == Mode.GREY:
        picture = _scale_transparency(picture, png.bits)
    found, losses = png.metadata()
    return replace(picture, sections={**picture.sections, **found}, losses=losses)


def _read_jpeg(data: bytes) -> Picture:
    segments = JpegSegments(data)
    if problem := segments.problem():
        raise PictureError(f"{problem}: convert it to PNG")
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        _check_frames_and_size(image)
        picture = Picture.from_pil(image)
        several = image.format == "MPO"
        with Image.open(io.BytesIO(segments.padded()), formats=("JPEG",)) as again:
            whole = ImageChops.difference(image, again).getbbox() is None
    if not whole or segments.lacks_scans():
        raise PictureError(f"{_DAMAGED}: the data end before the image does")
    if segments.behind and not several:
        more = f"{len(segments.behind):,} bytes behind the image"
        picture = replace(picture, losses=(*picture.losses, more))
    return picture


def _check_frames_and_size(image: Image.Image) -> None:
    """Judges by the header, before the pixels take memory; modes are from_pil's affair."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise PictureError(f"animated or multi-page: {frames} frames, only single images are taken")
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(
            f"{image.width} x {image.height} pixels, more than the {MAX_PIXELS} allowed in a file: "
            "give it as an array"
        )


def _check_depth(image: Image.Image, bits: int) -> None:
    several = image.mode in ("LA", "RGB", "RGBA")
    if several and bits != 8 and not _is_rgb16(image, bits):
        raise PictureError(f"{bits}-bit {MODE_NAMES[image.mode]}: {_TAKEN}")


def _is_rgb16(image: Image.Image, bits: int) -> bool:
    return bits == 16 and image.mode == "RGB"


def _read_rgb16(image: Image.Image, data: bytes) -> Picture:
    """Of each sample Pillow takes the high byte; told the other byte order, the low one."""
    high = Picture.from_pil(image)
    with Image.open(io.BytesIO(data), formats=FORMATS) as again:
        again.tile = [tile._replace(args=_swapped(tile.args)) for tile in again.tile]
        low = Picture.from_pil(again)
    samples = high.samples.astype(np.uint16) << 8 | low.samples
    return Picture(Mode.RGB16, samples, high.sections, high.losses)


def _swapped(args: Any) -> Any:
    """The arguments of a decoder, with the other byte order."""
    if not isinstance(args, str):
        return (_swapped(args[0]), *args[1:])
    order = args[-1].replace("N", _NATIVE)  # N: the machine's
    return args[:-1] + ("B" if order == "L" else "L")


def _scale_transparency(picture: Picture, bits: int) -> Picture:
    """Pillow expands grey of 2 and 4 bits to 8, but not its transparent value."""
    stored = picture.sections.get(Section.TRANSPARENCY)
    if stored is None:
        return picture
    top = (1 << bits) - 1
    value = (int.from_bytes(stored, "big") & top) * 255 // top
    changed = {**picture.sections, Section.TRANSPARENCY: value.to_bytes(2, "big")}
    return replace(picture, sections=changed)
