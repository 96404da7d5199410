"""What Pillow does not tell of a JPEG: its kind, missing pixels, long XMP, what is not kept.

libjpeg makes up what is missing, in grey, and Pillow does not pass its warning on.
"""

from __future__ import annotations

import re

from PIL import Image

from l3c.images.picture import PictureError, Section

SIGNATURE = b"\xff\xd8\xff"
CUT_OFF = "unreadable or truncated: the data end before the image does"
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\x00"

_EOI, _SOS = 0xD9, 0xDA
_NO_LENGTH = (0x00, 0x01, *range(0xD0, 0xD9), 0xFF)
_PROGRESSIVE = (0xC2, 0xCA)
_READABLE = (0xC0, 0xC1, 0xC9, *_PROGRESSIVE)
_KINDS = {0xF7: "JPEG-LS"} | dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "lossless JPEG")
_KINDS |= dict.fromkeys((0xC5, 0xC6, 0xCD, 0xCE), "hierarchical JPEG")
_ALL_COEFFICIENTS = 2**64 - 1
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # behind the data of a scan
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
# Data that no decoder looks at behind a complete scan, and that an incomplete one goes on with.
_NOISE = bytes((73 * i + 41) % 251 for i in range(64))

_MORE_XMP_PREFIX = b"http://ns.adobe.com/xmp/extension/\x00"
_RDF = re.compile(rb"<rdf:RDF\b[^>]*>(.*)</rdf:RDF\s*>", re.DOTALL)
# Segments that are kept, or that hold nothing to keep: resolution, and how the colors are coded.
_TECHNICAL = (b"JFIF\x00", b"JFXX\x00", b"Adobe", b"ICC_PROFILE\x00", b"MPF\x00")
_NO_LOSS = (*_TECHNICAL, b"Exif\x00\x00", XMP_PREFIX, _MORE_XMP_PREFIX)


def inspect(data: bytes) -> tuple[bytes, bytes]:
    """The first picture in a JPEG file with noise behind its last scan, and what follows it.

    With noise the pixels are the same, if the scan is not cut off. Others, or a film, follow the
    picture, as phones add them.

    Args:
        data: the file, which may be damaged.

    Raises:
        PictureError: a kind of JPEG that is not read, or one that lacks its end, the data of a
            component, or the last bits of some coefficients.
    """
    frame, at, scan, scan_end = 0, 2, 0, 0
    components: dict[int, int] = {}  # coefficients that came in full precision, as bits
    while (at := data.find(b"\xff", at)) >= 0 and at + 2 <= len(data):
        marker = data[at + 1]
        if marker == _EOI:
            break
        if marker in _NO_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if at + 4 > len(data):
            break
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        body, at = data[at + 4 : end], end
        if (marker in _READABLE or marker in _KINDS) and not frame and len(body) >= 6:
            frame, bits = marker, body[0]
            components = dict.fromkeys(body[6::3], 0)
            if frame in _KINDS or bits != 8:
                kind = _KINDS.get(frame, "JPEG")
                raise PictureError(f"a {bits}-bit {kind} file: convert it to PNG")
        elif marker == _SOS and len(body) >= 4:
            first, last, precision = body[-3:]
            coefficients = _ALL_COEFFICIENTS
            if frame in _PROGRESSIVE:
                coefficients = (2 << last) - (1 << first) if precision & 15 == 0 else 0
            for component in body[1 : 1 + 2 * body[0] : 2]:
                components[component] = components.get(component, 0) | coefficients
            found = _MARKER.search(data, end)
            scan, scan_end = end, found.start() if found else len(data)
            at = scan_end
    whole = at >= 0 and data[at : at + 2] == b"\xff\xd9"
    if not whole or any(c != _ALL_COEFFICIENTS for c in components.values()):
        raise PictureError(CUT_OFF)
    restarts = _RESTART.findall(data, scan, scan_end)
    awaited = bytes((0xFF, (restarts[-1][1] + 1) & 0xD7 if restarts else 0xD0))
    padded = data[:scan_end] + _NOISE + awaited + _NOISE + data[scan_end:]
    return padded, data[at + 2 :].strip(b"\x00")


def complete(image: Image.Image, found: dict[Section, bytes]) -> list[str]:
    """Adds the rest of a long XMP packet to `found`; returns names of what is not kept.

    Args:
        image: of a JPEG that Pillow opened.
        found: what Pillow found in it.
    """
    segments: list[tuple[str, bytes]] = getattr(image, "applist", [])
    losses = []
    if pieces := [body for _, body in segments if body.startswith(_MORE_XMP_PREFIX)]:
        main = found.get(Section.XMP, b"")
        if more := _assemble(main, pieces):
            into, of = _RDF.search(main), _RDF.search(more)
            if into and of:  # one packet with the properties of both
                main, more = main[: into.end(1)], of[1] + main[into.end(1) :]
            found[Section.XMP] = main + more
        else:
            losses.append("extended XMP, which is incomplete")
    if Section.ICC not in found and any(s.startswith(b"ICC_PROFILE\x00") for _, s in segments):
        losses.append("ICC profile, which is incomplete")
    for name, body in segments:
        if body.startswith(b"Photoshop 3.0\x00"):
            losses.append("IPTC" if b"8BIM\x04\x04" in body else "Photoshop data")
        elif name != "COM" and not body.startswith(_NO_LOSS):
            losses.append(name)
    if (more_frames := getattr(image, "n_frames", 1) - 1) > 0:
        losses.append(f"{more_frames} more picture{'s'[: more_frames > 1]}")
    return list(dict.fromkeys(losses))


def _assemble(main: bytes, pieces: list[bytes]) -> bytes:
    """The part of an XMP packet that the main one refers to; empty if some of it is missing."""
    start = len(_MORE_XMP_PREFIX)
    parts: dict[int, bytes] = {}  # by where they begin
    size = 0
    for piece in pieces:
        guid, numbers = piece[start : start + 32], piece[start + 32 : start + 40]
        if guid in main:
            size = int.from_bytes(numbers[:4], "big")
            parts[int.from_bytes(numbers[4:], "big")] = piece[start + 40 :]
    whole = b"".join(part for _, part in sorted(parts.items()))
    return whole if len(whole) == size else b""
