"""Picture -> image file, which is read again: a format that loses something is refused."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import PngImagePlugin

from l3c.images.picture import Mode, Picture, PictureError, Section
from l3c.images.pillow import INFO_KEYS
from l3c.images.png import XMP_KEYWORD
from l3c.images.reading import read_picture
from l3c.messages import one_line
from l3c.whole_files import whole_file

_IHDR_END = 8 + 25


def write_picture(path: str | Path, picture: Picture) -> None:
    """Writes an image file that appears whole or not at all; an existing one is replaced.

    Args:
        path: the suffix chooses the format (.png, .tif, .tiff, .bmp, .webp), PNG without one; its
            folder exists. A killed process leaves at most a hidden `.part` file.
        picture: of a mode, and with sections, that the format holds. Palette entries that the
            indices use and the palette lacks are added to a PNG, in black.

    Raises:
        PictureError: a format that would lose something, by name; or a path that cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower() or ".png"
    if suffix not in _WRITERS:
        problem = "JPEG is lossy" if suffix in (".jpg", ".jpeg") else f"{suffix} is not written"
        raise PictureError(f"{problem}: write it as .png", str(path))
    try:
        data = _WRITERS[suffix](picture)
        if suffix != ".png" and (lost := _lost(picture, read_picture(data))):
            raise PictureError(f"{suffix} would lose {', '.join(lost)}")
    except (ValueError, OSError) as error:  # what Pillow raises of images that a format cannot hold
        reason = error.reason if isinstance(error, PictureError) else one_line(error)
        raise PictureError(f"{reason}: write it as .png", str(path)) from error
    try:
        with whole_file(path) as file:
            file.write(data)
    except OSError as error:
        raise PictureError(f"cannot be written: {one_line(error)}", str(path)) from error


def _lost(picture: Picture, found: Picture) -> list[str]:
    """What of a picture is not in the file that was written of it."""
    sections = {*picture.sections, *found.sections}
    lost = [s.name for s in sorted(sections) if picture.sections.get(s) != found.sections.get(s)]
    if picture.mode != found.mode or not np.array_equal(picture.samples, found.samples):
        lost.append(f"pixels ({picture.mode.text})")
    return lost


def _saved(picture: Picture, kind: str, **options: Any) -> bytes:
    """The file that Pillow makes of a picture."""
    buffer = io.BytesIO()
    picture.to_pil().save(buffer, format=kind, **options)
    return buffer.getvalue()


def _png(picture: Picture) -> bytes:
    """The pixels by a library, and right behind the header the metadata, of any length."""
    chunks = {
        b"iCCP": (Section.ICC, lambda icc: b"ICC Profile\x00\x00" + zlib.compress(icc)),
        b"eXIf": (Section.EXIF, bytes),
        # Not compressed, no language, no translation of the keyword.
        b"iTXt": (Section.XMP, lambda xmp: XMP_KEYWORD + bytes(5) + xmp),
    }
    bare, options, sections = picture.strip(), {}, picture.sections
    color = sections.get(Section.TRANSPARENCY, b"")
    if picture.mode == Mode.RGB16:
        pixels = bytes(imagecodecs.png_encode(np.ascontiguousarray(picture.samples)))
        chunks[b"tRNS"] = Section.TRANSPARENCY, bytes
    else:
        if bare.mode == Mode.BILEVEL and color:
            options["transparency"] = int.from_bytes(color, "big")
        if bare.mode == Mode.PALETTE:  # PNG takes the bits of an index from the palette's size
            entries = max(int(bare.samples.max()) + 1, len(color))
            palette = bare.sections.get(Section.PALETTE, b"").ljust(3 * entries, b"\x00")
            bare = replace(bare, sections={**bare.sections, Section.PALETTE: palette})
        pixels = _saved(bare, "PNG", **options)
    file = io.BytesIO()
    file.write(pixels[:_IHDR_END])
    for kind, (section, body) in chunks.items():
        if section in sections:
            PngImagePlugin.putchunk(file, kind, body(sections[section]))
    file.write(memoryview(pixels)[_IHDR_END:])
    return file.getvalue()


def _tiff(picture: Picture) -> bytes:
    if picture.mode != Mode.RGB16:
        return _saved(picture, "TIFF", compression="tiff_adobe_deflate")
    profile = picture.sections.get(Section.ICC)
    samples = np.ascontiguousarray(picture.samples)
    compression = imagecodecs.TIFF.COMPRESSION.ADOBE_DEFLATE
    return bytes(imagecodecs.tiff_encode(samples, compression=compression, iccprofile=profile))


def _webp(picture: Picture) -> bytes:
    """Colors under an alpha of 0 are kept ("exact")."""
    metadata = {key: picture.sections.get(section, b"") for section, key in INFO_KEYS.items()}
    return _saved(picture, "WEBP", lossless=True, exact=True, **metadata)


_WRITERS = {
    ".png": _png,
    ".tif": _tiff,
    ".tiff": _tiff,
    ".bmp": lambda picture: _saved(picture, "BMP"),
    ".webp": _webp,
}
WRITABLE_SUFFIXES = frozenset(_WRITERS)
