"""What belongs to an image beside its samples, and what of it is not kept.

Files hide the same thing in several places: EXIF and XMP of a PNG also in text chunks ("raw
profiles", as ImageMagick writes them), a long XMP packet of a JPEG in pieces of 64 kB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum

from PIL import Image

from l3c.images import tiff_tags

__all__ = ["EXIF_PREFIX", "Section", "pillow_metadata", "raw_profile"]


class Section(IntEnum):
    """What a picture has beside its samples. The values are stored in files."""

    ICC = 1
    """Color profile."""
    EXIF = 2
    """From its TIFF header on, without the "Exif" that JPEG puts before."""
    XMP = 3
    """XML packet."""
    PALETTE = 4
    """RGB triples of the entries, at most 256; fewer than the indices use, or none, is possible."""
    TRANSPARENCY = 5
    """As PNG's tRNS chunk: for PALETTE an alpha of each entry, the last ones may be missing (255);
    otherwise the samples of the transparent color, each a big-endian uint16."""


EXIF_PREFIX = b"Exif\x00\x00"
_EXIF_STARTS = (EXIF_PREFIX, b"II*\x00", b"MM\x00*")
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\x00"
_MORE_XMP_PREFIX = b"http://ns.adobe.com/xmp/extension/\x00"
_GUID_BYTES = 32
_RDF = re.compile(rb"<rdf:RDF\b[^>]*>(.*)</rdf:RDF\s*>", re.DOTALL)
_RAW_PROFILE = re.compile(r"\s*\S+\s+(\d+)\s+([0-9a-fA-F\s]*)")
# Segments of a JPEG that hold nothing to keep: resolution, and how the colors are coded.
_TECHNICAL = (b"JFIF\x00", b"JFXX\x00", b"Adobe", b"ICC_PROFILE\x00", b"MPF\x00")
_IPTC_RESOURCE = b"8BIM\x04\x04"


def pillow_metadata(image: Image.Image) -> tuple[dict[Section, bytes], tuple[str, ...]]:
    """ICC profile, EXIF and XMP of a loaded Pillow image, and names of what else it has.

    Text of a PNG that only has the name of one of these ("exif") is a comment.
    """
    info = image.info
    icc, exif, xmp = info.get("icc_profile"), info.get("exif"), info.get("xmp")
    if isinstance(xmp, str) and image.format != "PNG":
        xmp = xmp.encode()
    if isinstance(exif, bytes) and not exif.startswith(_EXIF_STARTS):
        exif = None
    found = {
        kind: bytes(data)
        for kind, data in ((Section.ICC, icc), (Section.EXIF, exif), (Section.XMP, xmp))
        if isinstance(data, (bytes, bytearray)) and data
    }
    losses: list[str] = []
    for key in [key for key in info if str(key).startswith("Raw profile type ")]:
        profile = raw_profile(str(key), str(info[key]))
        if profile and profile[0]:
            found.setdefault(profile[0], profile[1])
    if Section.EXIF in found:
        found[Section.EXIF] = found[Section.EXIF].removeprefix(EXIF_PREFIX)
    if image.format == "TIFF":
        exif, losses = tiff_tags.description(image)
        if exif and Section.EXIF not in found:
            found[Section.EXIF] = exif.removeprefix(EXIF_PREFIX)
    if image.format in ("JPEG", "MPO"):
        losses = _jpeg_metadata(image, found)
    if image.format != "PNG" and info.get("comment"):
        losses.append("comment")
    losses += [name for key, name in (("gamma", "gAMA"), ("chromaticity", "cHRM")) if key in info]
    return found, tuple(losses)


def raw_profile(keyword: str, text: str) -> tuple[Section | None, bytes] | None:
    """What a text chunk of a PNG holds that ImageMagick made of metadata.

    Args:
        keyword: "Raw profile type " and the kind.
        text: kind, number of bytes, and the bytes as hexadecimal digits.

    Returns:
        Where it belongs and its bytes; no section for a kind that is not kept, such as IPTC; None
        if it is no such text: then it is a comment.
    """
    match = _RAW_PROFILE.fullmatch(text)
    if not match:
        return None
    digits = "".join(match[2].split())
    size = int(match[1])
    if len(digits) < 2 * size:
        return None
    data = bytes.fromhex(digits[: 2 * size])
    kind = keyword.removeprefix("Raw profile type ").lower()
    if kind == "app1" and data.startswith(_XMP_PREFIX):
        return Section.XMP, data.removeprefix(_XMP_PREFIX)
    section = _RAW_KINDS.get(kind)
    return section, data.removeprefix(EXIF_PREFIX) if section == Section.EXIF else data


_RAW_KINDS = {
    "app1": Section.EXIF,
    "exif": Section.EXIF,
    "xmp": Section.XMP,
    "icc": Section.ICC,
    "icm": Section.ICC,
}


def _jpeg_metadata(image: Image.Image, found: dict[Section, bytes]) -> list[str]:
    """Adds the rest of a long XMP packet to `found`; returns names of what is not kept."""
    segments: list[tuple[str, bytes]] = getattr(image, "applist", [])
    pieces = [body for _, body in segments if body.startswith(_MORE_XMP_PREFIX)]
    losses = []
    if pieces:
        main = found.get(Section.XMP, b"")
        more = _assemble(main, pieces)
        if more:
            found[Section.XMP] = _join(main, more)
        else:
            losses.append("extended XMP, which is incomplete")
    if Section.ICC not in found and any(s.startswith(b"ICC_PROFILE\x00") for _, s in segments):
        losses.append("ICC profile, which is incomplete")
    for name, body in segments:
        if name == "COM" or body.startswith((*_TECHNICAL, _XMP_PREFIX, _MORE_XMP_PREFIX)):
            continue
        if name == "APP1" and body.startswith(EXIF_PREFIX):
            continue
        if body.startswith(b"Photoshop 3.0\x00"):
            name = "IPTC" if _IPTC_RESOURCE in body else "Photoshop data"
        losses.append(name)
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        losses.append(f"{frames - 1} more picture{'s'[: frames > 2]}")
    return list(dict.fromkeys(losses))


def _assemble(main: bytes, pieces: Iterable[bytes]) -> bytes:
    """The part of an XMP packet that the main one refers to; empty if some of it is missing."""
    start = len(_MORE_XMP_PREFIX)
    parts: dict[int, bytes] = {}
    size = 0
    for piece in pieces:
        if piece[start : start + _GUID_BYTES] in main:
            at = start + _GUID_BYTES
            size = int.from_bytes(piece[at : at + 4], "big")
            parts[int.from_bytes(piece[at + 4 : at + 8], "big")] = piece[at + 8 :]
    whole = bytearray()
    for offset, part in sorted(parts.items()):
        if offset != len(whole):
            return b""
        whole += part
    return bytes(whole) if len(whole) == size else b""


def _join(main: bytes, more: bytes) -> bytes:
    """One packet with the properties of both; packets that are not RDF one behind the other."""
    into, of = _RDF.search(main), _RDF.search(more)
    if not into or not of:
        return main + more
    return main[: into.end(1)] + of[1] + main[into.end(1) :]
