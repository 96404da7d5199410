"""Image file -> picture: what is read, and what is refused and why. See `picture_writing`."""

from __future__ import annotations

import io
import stat
import warnings
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import (  # noqa: F401 - the plugins, see READABLE_SUFFIXES
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from l3c.picture import MODE_NAMES, Mode, Picture, PictureError, Section, sections

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
HEAD_BYTES = 26  # of a PNG, up to the bit depth and the color type

_PNG_TYPES = {4: "16-bit grey with alpha", 6: "16-bit RGB with alpha"}
_NO_IMAGE = "not an image: no PNG, JPEG, WebP, TIFF, GIF or BMP data"
_TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_SAMPLES, _TIFF_EXTRA = 258, 262, 277, 338
_TIFF_WHITE_IS_0, _TIFF_RGB = 0, 2
_TIFF_EXTRAS = {0: "of no said meaning", 1: "premultiplied"}


def read_picture(source: str | Path | bytes, name: str = "") -> Picture:
    """The picture in a BMP, GIF, JPEG, PNG, TIFF or WebP file.

    Pixels count as stored: EXIF orientation and color profile are kept and not applied (Pillow
    turns an 8-bit TIFF itself and removes the tag). Grey of 2 and 4 bits becomes 8-bit grey. Of a
    JPEG with several pictures (MPO, as phones write it) the main one is read. An image may have up
    to MAX_PIXELS pixels.

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
        content: Path | bytes = path
    else:
        name = name or "<stdin>"
        if not source:
            raise PictureError("empty file", name)
        content = bytes(source)
    try:
        # Pillow warns about EXIF and large images. What matters of it is decided here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(content)
    except PictureError as error:
        raise PictureError(error.reason, name) from None
    except MemoryError:
        raise  # says something about the machine, not about the file
    except Exception as error:
        reason = reading_problem(error)
        if isinstance(error, UnidentifiedImageError) and _head(content).startswith(_TIFF_STARTS):
            reason = "a TIFF of a kind that is not read: convert it to PNG"
        raise PictureError(reason, name) from error


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


def reading_problem(error: Exception) -> str:
    """What an exception of Pillow's reading says about the file, in one line."""
    if isinstance(error, UnidentifiedImageError):
        return _NO_IMAGE
    if isinstance(error, Image.DecompressionBombError):
        return one_line(error)
    # Pillow raises nearly anything on broken bytes: OSError, SyntaxError, struct.error.
    return f"unreadable or truncated: {one_line(error)}"


def bit_depth(image: Image.Image, head: bytes) -> int:
    """Bits per channel in the file of which `image` was opened and `head` is the beginning.

    Pillow shows 16-bit RGB as 8-bit, in PNG and TIFF.
    """
    if image.format == "PNG":
        return head[24]  # signature, then IHDR: length, type, width, height, bit depth, color type
    if image.format == "TIFF":
        bits = image.getexif().get(_TIFF_BITS, 8)  # one number, or one for each channel
        return int(max(bits)) if isinstance(bits, tuple) else int(bits)
    return 8


def tiff_problem(image: Image.Image) -> str:
    """What Pillow would change without a word while it loads a TIFF; "" if nothing."""
    if image.format != "TIFF":
        return ""
    tags, bands = image.getexif(), len(image.getbands())
    samples = int(tags.get(_TIFF_SAMPLES, 1))
    if samples != bands:
        return f"a TIFF of {samples} channels, of which Pillow takes {bands}"
    extra = tags.get(_TIFF_EXTRA, ())
    extra = extra if isinstance(extra, tuple) else (extra,)
    if bands in (2, 4) and extra and extra[0] in _TIFF_EXTRAS:
        return f"a TIFF with alpha {_TIFF_EXTRAS[extra[0]]}"
    if image.mode.startswith("I;16") and tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_0:
        return "a 16-bit TIFF that counts from white to black"
    return ""


def one_line(error: BaseException) -> str:
    """The message without line breaks and without the path, which the caller names."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def _head(content: Path | bytes) -> bytes:
    if isinstance(content, bytes):
        return content[:HEAD_BYTES]
    with content.open("rb") as file:
        return file.read(HEAD_BYTES)


def _read(content: Path | bytes) -> Picture:
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    with Image.open(file, formats=FORMATS) as image:
        head = _head(content)
        bits = bit_depth(image, head)
        _check(image, bits, head)
        if bits == 16 and image.mode == "RGB":
            return _read_rgb16(image, content)
        picture = Picture.from_pil(image)
        if image.format == "PNG" and bits in (2, 4) and picture.mode == Mode.GREY:
            return _scale_transparency(picture, bits)
        return picture


def _check(image: Image.Image, bits: int, head: bytes) -> None:
    """Judges by the header, before the pixels take memory; modes are from_pil's affair."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise PictureError(f"animated or multi-page: {frames} frames, only single images are taken")
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(
            f"{image.width} x {image.height} pixels, more than the {MAX_PIXELS} allowed in a file: "
            "give it as an array"
        )
    if problem := tiff_problem(image):
        raise PictureError(f"{problem}: convert it to PNG")
    several = image.mode in ("LA", "RGB", "RGBA")
    if several and bits != 8 and (bits != 16 or image.mode != "RGB"):
        kind = f"{bits}-bit {MODE_NAMES[image.mode]}"
        if image.format == "PNG":
            kind = _PNG_TYPES.get(head[25], kind)
        raise PictureError(f"{kind}: only 8 bits, or 16 of grey or RGB, are taken")


def _read_rgb16(image: Image.Image, content: Path | bytes) -> Picture:
    """Through imagecodecs, since Pillow would make it 8-bit."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    if image.format == "PNG":
        image.load()  # for the metadata behind the pixels, and for its checks of the file
        found = sections(image)
        image.close()
        samples = imagecodecs.png_decode(_pixel_chunks(data))
    else:
        if image.getexif().get(_TIFF_PHOTOMETRIC) != _TIFF_RGB:
            raise PictureError("a 16-bit TIFF that is not plain RGB: convert it to PNG")
        found = sections(image)
        samples = imagecodecs.tiff_decode(data)
    if samples.dtype != np.uint16 or samples.ndim != 3 or samples.shape[2] != 3:
        raise PictureError("16-bit RGB stored plane by plane: convert it to PNG")
    return Picture(Mode.RGB16, np.ascontiguousarray(samples), found)


def _pixel_chunks(data: bytes) -> bytes:
    """A PNG without the rest: libpng prints what it dislikes there, and adds alpha for tRNS."""
    kept, start = [data[:8]], 8
    while start < len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        if data[start + 4 : start + 8] in (b"IHDR", b"IDAT", b"IEND"):
            kept.append(data[start:end])
        start = end
    return b"".join(kept)


def _scale_transparency(picture: Picture, bits: int) -> Picture:
    """Pillow expands grey of 2 and 4 bits to 8, but not its transparent value."""
    stored = picture.sections.get(Section.TRANSPARENCY)
    if stored is None:
        return picture
    top = (1 << bits) - 1
    value = (int.from_bytes(stored, "big") & top) * 255 // top
    changed = {**picture.sections, Section.TRANSPARENCY: value.to_bytes(2, "big")}
    return replace(picture, sections=changed)
