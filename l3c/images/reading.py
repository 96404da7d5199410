"""Image file -> picture: what is read, and what is refused and why. `png.png_of` writes."""

from __future__ import annotations

import io
import stat
import sys
import warnings
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from l3c.images import jpeg, png
from l3c.images.picture import Mode, Picture, PictureError, Samples
from l3c.images.pillow import bit_depth, from_pil, lacks_pixels, tiff_problem
from l3c.messages import one_line

# Pillow knows many more formats. These are the ones whose bit depth is checked below, so that no
# 16-bit file slips through as the 8-bit image that Pillow makes of it without a word.
FORMATS = ("BMP", "DIB", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
# Of these formats, as Pillow knows them. MPO is what it calls a JPEG with several pictures.
READABLE_SUFFIXES = frozenset(
    {".apng", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif"}
    | {".tiff", ".webp"}
)
# Pictures as well, but not read: refused by name, since Pillow takes some raw files for TIFF and
# returns their thumbnail.
FOREIGN_SUFFIXES = frozenset(
    {".3fr", ".arw", ".avif", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".hif", ".j2k", ".jp2"}
    | {".jpx", ".jxl", ".nef", ".nrw", ".orf", ".pbm", ".pef", ".pgm", ".pnm", ".ppm", ".psd"}
    | {".raf", ".rw2", ".srw", ".svg", ".tga"}
)
IMAGE_SUFFIXES = READABLE_SUFFIXES | FOREIGN_SUFFIXES  # what counts as a picture in a folder

# Where Pillow calls files of other formats a decompression bomb. Larger images can be given as
# arrays.
MAX_PIXELS = 178_956_970

_TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_DAMAGED = "unreadable or truncated"


def read_picture(source: str | Path | bytes, name: str = "") -> Picture:
    """The picture in a BMP, GIF, JPEG, PNG, TIFF or WebP file.

    Pixels count as stored: EXIF orientation and color profile are kept and not applied (a TIFF is
    turned and the tag removed, as by Pillow). Grey of 2 and 4 bits becomes 8-bit grey. The main
    picture of a JPEG with several (MPO, as phones write it) is read. `losses` of the picture names
    what else is not kept.

    Args:
        source: path of the file, or what is in it.
        name: what to call it in messages; by default the path, or "<stdin>" for bytes.

    Raises:
        PictureError: for everything else, with the reason; a warning of Pillow is never passed on.
    """
    if isinstance(source, (str, Path)):
        name = name or str(source)
        if problem := file_problem(Path(source)):
            raise PictureError(problem, name)
        try:
            file: BinaryIO = Path(source).open("rb")  # noqa: SIM115 - below
        except OSError as error:
            raise PictureError(one_line(error), name) from error
    else:
        name, file = name or "<stdin>", io.BytesIO(source)
    with file:
        return _read(file, name)


def _read(file: BinaryIO, name: str) -> Picture:
    data = b""
    try:
        # Pillow warns about EXIF and large images. What matters of it is decided here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if file.read(len(png.SIGNATURE)) == png.SIGNATURE:
                return _read_png(file)
            file.seek(0)
            # All of it: Pillow would map some files into memory, and shears some of those.
            if not (data := file.read()):
                raise PictureError("empty file")
            return _read_jpeg(data) if data.startswith(jpeg.SIGNATURE) else _read_other(data)
    except PictureError as error:
        raise PictureError(error.reason, name) from None
    except MemoryError:
        raise  # a matter of the machine, not of the file
    except UnidentifiedImageError as error:
        kind = "not an image: no PNG, JPEG, WebP, TIFF, GIF or BMP data"
        if data.startswith(_TIFF_STARTS):
            kind = "a TIFF of a kind that is not read: convert it to PNG"
        raise PictureError(kind, name) from error
    except Exception as error:  # on broken bytes nearly anything: OSError, SyntaxError, KeyError
        bomb = isinstance(error, Image.DecompressionBombError)
        raise PictureError(("" if bomb else f"{_DAMAGED}: ") + one_line(error), name) from error


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


def _read_png(file: BinaryIO) -> Picture:
    opened = png.PngFile(file)
    if opened.width * opened.height > MAX_PIXELS:
        raise PictureError(
            f"{opened.width} x {opened.height} pixels, more than the {MAX_PIXELS} allowed in a "
            "file: give it as an array"
        )
    return opened.picture()


def _read_jpeg(data: bytes) -> Picture:
    padded, behind = jpeg.inspect(data)
    crc = zlib.crc32(_decoded_jpeg(padded)[0].samples.data)
    picture, single = _decoded_jpeg(data)
    if zlib.crc32(picture.samples.data) != crc:
        raise PictureError(jpeg.CUT_OFF)
    if behind and single:
        more = f"{len(behind):,} bytes behind the image"
        picture = replace(picture, losses=(*picture.losses, more))
    return picture


def _decoded_jpeg(data: bytes) -> tuple[Picture, bool]:
    """The picture of a JPEG, and whether it is the only one in its file.

    The samples come without Pillow where that is simply possible, whose image takes a third more
    memory than they do; where it is not, Pillow finds out why, or decodes.
    """
    import imagecodecs  # takes time

    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        try:
            size = (image.height, image.width, -1)
            samples: Samples | None = imagecodecs.jpeg8_decode(data).reshape(size)
        except MemoryError:
            raise
        except Exception:  # nearly anything
            samples = None
        return from_pil(image, samples), image.format != "MPO"


def _read_other(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.format == "TIFF":
            if problem := tiff_problem(image):
                raise PictureError(f"{problem}: convert it to PNG")
            if lacks_pixels(image):
                raise PictureError(f"{_DAMAGED}: a TIFF without the data of all its rows")
            if image.mode == "RGB" and bit_depth(image) == 16:
                return _read_rgb16(image, data)
        return from_pil(image)


def _read_rgb16(image: Image.Image, data: bytes) -> Picture:
    """Pillow takes the high byte of each sample; with the other byte order, the low one."""
    high = from_pil(image)
    with Image.open(io.BytesIO(data), formats=FORMATS) as again:
        again.tile = [tile._replace(args=_swapped(tile.args)) for tile in again.tile]
        low = from_pil(again)
    samples = high.samples.astype(np.uint16) << 8 | low.samples
    return Picture(Mode.RGB16, samples, high.sections, high.losses)


def _swapped(args: Any) -> tuple[Any, ...]:
    """The arguments of a decoder of TIFF, with the other byte order."""
    raw_mode, *more = args
    order = raw_mode[-1].replace("N", sys.byteorder[0].upper())  # N: the machine's
    return raw_mode[:-1] + ("B" if order == "L" else "L"), *more
