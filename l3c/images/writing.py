"""Picture -> PNG file, which holds every mode and all sections."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import PngImagePlugin

from l3c.images.picture import Mode, Picture, PictureError, Section
from l3c.images.png import XMP_KEYWORD
from l3c.messages import one_line
from l3c.whole_files import whole_file

SUFFIX = ".png"
_IHDR_END = 8 + 25


def write_picture(path: str | Path, picture: Picture) -> None:
    """Writes a PNG that appears whole or not at all; an existing file is replaced.

    Args:
        path: with the suffix .png or none; its folder exists. A killed process leaves at most a
            hidden `.part` file.
        picture: palette entries that its indices use and the palette lacks are added, in black.

    Raises:
        PictureError: another suffix, or a path that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in ("", SUFFIX):
        raise PictureError(f"{path.suffix} is not written: name it {SUFFIX}", str(path))
    try:
        with whole_file(path) as file:
            file.write(_png(picture))
    except OSError as error:
        raise PictureError(f"cannot be written: {one_line(error)}", str(path)) from error


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
        buffer = io.BytesIO()
        bare.to_pil().save(buffer, format="PNG", **options)
        pixels = buffer.getvalue()
    file = io.BytesIO()
    file.write(pixels[:_IHDR_END])
    for kind, (section, body) in chunks.items():
        if section in sections:
            PngImagePlugin.putchunk(file, kind, body(sections[section]))
    file.write(memoryview(pixels)[_IHDR_END:])
    return file.getvalue()
