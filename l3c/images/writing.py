"""Picture -> image file: what each format can hold, and what is refused and why."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import imagecodecs
import numpy as np
from PIL import PngImagePlugin

from l3c.images.picture import MODE_NAMES, Mode, Picture, PictureError, Section
from l3c.images.png_chunks import XMP_KEYWORD
from l3c.images.reading import one_line
from l3c.whole_files import whole_file

_IHDR_END = 8 + 25
_WEBP_SIDE = 16383


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
    suffix = path.suffix.lower()
    if suffix not in _BY_SUFFIX:
        lossy = suffix in (".jpg", ".jpeg")
        what = "JPEG is lossy" if lossy else f"{suffix} files are not written"
        raise PictureError(f"{what}: write it as .png", str(path))
    writer = _BY_SUFFIX[suffix]
    if problem := _what_is_lost(writer, picture):
        raise PictureError(problem, str(path))
    try:
        with whole_file(path) as file:
            writer.write(file, picture)
    except OSError as error:
        raise PictureError(f"cannot be written: {one_line(error)}", str(path)) from error


class _Writer(NamedTuple):
    """A format, and what of a picture it holds."""

    name: str
    write: Callable[[IO[bytes], Picture], None]
    modes: frozenset[Mode]
    sections: frozenset[Section]


def _write_png(file: IO[bytes], picture: Picture) -> None:
    """The pixels by a library, and right behind the header the metadata, of any length."""
    if picture.mode == Mode.RGB16:
        data = bytes(imagecodecs.png_encode(np.ascontiguousarray(picture.samples)))
    else:
        bare = picture.strip()
        options: dict[str, Any] = {}
        if bare.mode == Mode.BILEVEL and Section.TRANSPARENCY in bare.sections:
            options["transparency"] = int.from_bytes(bare.sections[Section.TRANSPARENCY], "big")
        if bare.mode == Mode.PALETTE:
            bare = _complete_palette(bare)
        buffer = io.BytesIO()
        bare.to_pil().save(buffer, format="PNG", **options)
        data = buffer.getvalue()
    file.write(data[:_IHDR_END])
    for kind, content in _png_chunks(picture):
        PngImagePlugin.putchunk(file, kind, content)
    file.write(memoryview(data)[_IHDR_END:])


def _png_chunks(picture: Picture) -> list[tuple[bytes, bytes]]:
    """Those between the header and what was written of the pixels."""
    chunks = []
    for section, content in picture.sections.items():
        if section == Section.ICC:
            chunks.append((b"iCCP", b"ICC Profile\x00\x00" + zlib.compress(content)))
        elif section == Section.EXIF:
            chunks.append((b"eXIf", content))
        elif section == Section.XMP:
            chunks.append(
                (b"iTXt", XMP_KEYWORD + bytes(5) + content)
            )  # not compressed, no language
        elif section == Section.TRANSPARENCY and picture.mode == Mode.RGB16:
            chunks.append((b"tRNS", content))
    return chunks


def _complete_palette(picture: Picture) -> Picture:
    """With an entry for each index: PNG takes the bits of an index from the size of the palette."""
    palette = picture.sections.get(Section.PALETTE, b"")
    alphas = picture.sections.get(Section.TRANSPARENCY, b"")
    entries = max(int(picture.samples.max()) + 1, len(alphas))
    completed = {**picture.sections, Section.PALETTE: palette.ljust(3 * entries, b"\x00")}
    return replace(picture, sections=completed)


def _write_tiff(file: IO[bytes], picture: Picture) -> None:
    if picture.mode == Mode.RGB16:
        profile = picture.sections.get(Section.ICC)
        samples = np.ascontiguousarray(picture.samples)
        compression = imagecodecs.TIFF.COMPRESSION.ADOBE_DEFLATE
        file.write(imagecodecs.tiff_encode(samples, compression=compression, iccprofile=profile))
        return
    picture.to_pil().save(file, format="TIFF", compression="tiff_adobe_deflate")


def _write_bmp(file: IO[bytes], picture: Picture) -> None:
    picture.to_pil().save(file, format="BMP")


def _write_webp(file: IO[bytes], picture: Picture) -> None:
    picture.to_pil().save(
        file,
        format="WEBP",
        lossless=True,
        exact=True,  # keeps colors under an alpha of 0
        icc_profile=picture.sections.get(Section.ICC),
        exif=picture.sections.get(Section.EXIF, b""),
        xmp=picture.sections.get(Section.XMP, b""),
    )


_PNG = _Writer("PNG", _write_png, frozenset(Mode), frozenset(Section))
_TIFF = _Writer(
    "TIFF", _write_tiff, frozenset(Mode) - {Mode.PALETTE}, frozenset({Section.ICC})
)  # its palettes have 16 bits and always 256 entries
_BMP = _Writer("BMP", _write_bmp, frozenset({Mode.BILEVEL, Mode.GREY, Mode.RGB}), frozenset())
_WEBP = _Writer(
    "WebP",
    _write_webp,
    frozenset({Mode.RGB, Mode.RGBA}),
    frozenset({Section.ICC, Section.EXIF, Section.XMP}),
)
_BY_SUFFIX = {
    "": _PNG,
    ".png": _PNG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": _BMP,
    ".webp": _WEBP,
}
WRITABLE_SUFFIXES = frozenset(_BY_SUFFIX) - {""}


def _what_is_lost(writer: _Writer, picture: Picture) -> str:
    """Why a format cannot hold a picture; "" if it can."""
    if picture.mode not in writer.modes:
        names = {"": "16-bit RGB"} | MODE_NAMES
        kind = names[picture.mode.pil]
        return f"{writer.name} does not hold this kind of image ({kind}): write it as .png"
    lost = sorted(section.name for section in picture.sections if section not in writer.sections)
    if lost:
        return f"{writer.name} would lose {', '.join(lost)}: write it as .png"
    if writer is _WEBP:
        if max(picture.samples.shape[:2]) > _WEBP_SIDE:
            return f"WebP ends at {_WEBP_SIDE} pixels a side: write it as .png"
        if picture.mode == Mode.RGBA and (picture.samples[..., 3] == 255).all():
            return "WebP drops an alpha channel that is opaque everywhere: write it as .png"
    return ""
