"""Picture -> PNG file, which holds every mode and all sections."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace

import imagecodecs
import numpy as np
from PIL import PngImagePlugin

from l3c.images.picture import Mode, Picture, Section
from l3c.images.png import XMP_KEYWORD

_IHDR_END = 8 + 25


def png_of(picture: Picture) -> bytes:
    """The PNG file of a picture: pixels by a library, right behind the header the metadata.

    Metadata are of any length. Palette entries that the indices use and the palette lacks are
    added, in black.
    """
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
