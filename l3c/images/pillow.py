"""Pictures <-> Pillow images, with all that belongs to them."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from l3c.images import jpeg, tiff
from l3c.images.picture import Mode, Picture, PictureError, Samples, Section

__all__ = ["EXIF_PREFIX", "INFO_KEYS", "image_of", "info_of", "picture_of", "raw_profile"]

INFO_KEYS = {Section.ICC: "icc_profile", Section.EXIF: "exif", Section.XMP: "xmp"}
"""Names of sections in the `info` of Pillow's images, and among the arguments of `save`."""
EXIF_PREFIX = b"Exif\x00\x00"

_MODES = {mode.pil: mode for mode in Mode if mode.pil}
_MODES |= dict.fromkeys(("I;16B", "I;16L", "I;16N"), Mode.GREY16)
# Other modes in words, and what to convert them to. Premultiplied alpha loses colors either way.
_REFUSED = {
    "La": ("greyscale with premultiplied alpha", "LA"),
    "PA": ("palette with alpha", "RGBA"),
    "RGBa": ("premultiplied alpha channel", "RGBA"),
    "RGBX": ("four channels", "RGB"),
    "I": ("32-bit greyscale", "I;16 or L"),
    "F": ("floating-point greyscale", "I;16 or L"),
}
_BLOCK_BYTES = 2**22  # samples taken from Pillow at a time; it makes two more copies of these
_EXIF_STARTS = (EXIF_PREFIX, b"II*\x00", b"MM\x00*")
_RAW_PROFILE = re.compile(r"\s*\S+\s+(\d+)\s+([0-9a-fA-F\s]*)")
_RAW_KINDS = {"exif": Section.EXIF, "app1": Section.EXIF, "xmp": Section.XMP}
_RAW_KINDS |= {"icc": Section.ICC, "icm": Section.ICC}


def picture_of(image: Image.Image, samples: Samples | None = None) -> Picture:
    """See `Picture.from_pil`; with the samples (H, W, C), if given, the image is not loaded."""
    if image.mode not in _MODES:
        kind, target = _REFUSED.get(image.mode, (image.mode, "RGB"))
        raise PictureError(f"{kind}: convert it to {target} first")
    if 0 in image.size:
        raise PictureError("empty: no pixels")
    if (frames := getattr(image, "n_frames", 1)) > 1 and image.format != "MPO":
        raise PictureError(f"animated or multi-page ({frames} frames): take one by image.copy()")
    if samples is None and isinstance(image, ImageFile.ImageFile) and image.tile:
        # Without a name it is not mapped into memory: Pillow shears such TIFFs as it turns them.
        filename, image.filename = image.filename, ""
        try:
            image.load()
        finally:
            image.filename = filename
    if samples is None:
        image.load()
    mode = _MODES[image.mode]
    found, losses = _metadata(image)
    samples = _samples(image, mode) if samples is None else samples
    return Picture(mode, samples, found | _colors(image), losses)


def image_of(picture: Picture) -> Image.Image:
    """See `Picture.to_pil`."""
    mode = picture.mode
    if mode == Mode.RGB16:
        raise PictureError("16-bit RGB: Pillow has no such mode; take the array")
    samples = picture.samples.astype(mode.dtype.newbyteorder("<"), copy=False)
    if mode == Mode.BILEVEL:
        samples = np.packbits(samples[..., 0], axis=1)  # rows begin with a byte
    data = np.ascontiguousarray(samples).data.cast("B")
    image = Image.frombytes(mode.pil, (picture.width, picture.height), data)
    if palette := picture.sections.get(Section.PALETTE):
        image.putpalette(palette)
    image.info.update(info_of(mode, picture.sections).items())
    return image


def info_of(mode: Mode, sections: Mapping[Section, bytes]) -> dict[str, Any]:
    """What the `info` of a Pillow image holds of a picture's sections: all but the palette."""
    info: dict[str, Any] = {
        INFO_KEYS[kind]: sections[kind] for kind in INFO_KEYS if kind in sections
    }
    if "exif" in info:
        info["exif"] = EXIF_PREFIX + info["exif"]
    if (stored := sections.get(Section.TRANSPARENCY)) is not None:
        if mode == Mode.PALETTE:
            one = re.fullmatch(rb"\xff*\x00", stored)  # a single transparent entry
            info["transparency"] = len(stored) - 1 if one else stored
        else:
            values = struct.unpack(f">{len(stored) // 2}H", stored)
            value = 255 * bool(values[0]) if mode == Mode.BILEVEL else values[0]
            info["transparency"] = values if len(values) > 1 else value
    return info


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
    digits = "".join(match[2].split()) if match else ""
    if not match or len(digits) < 2 * int(match[1]):
        return None
    data = bytes.fromhex(digits[: 2 * int(match[1])])
    if data.startswith(jpeg.XMP_PREFIX):
        return Section.XMP, data.removeprefix(jpeg.XMP_PREFIX)
    kind = keyword.removeprefix("Raw profile type ").lower()
    return _RAW_KINDS.get(kind), data.removeprefix(EXIF_PREFIX)


def _metadata(image: Image.Image) -> tuple[dict[Section, bytes], tuple[str, ...]]:
    """ICC profile, EXIF and XMP of a loaded Pillow image, and names of what else it has.

    Text of a PNG that only has the name of one of these ("exif") is a comment.
    """
    info, losses = image.info, list[str]()
    found: dict[Section, bytes] = {}
    for section, key in INFO_KEYS.items():
        content = info.get(key)
        if isinstance(content, str) and key == "xmp" and image.format != "PNG":
            content = content.encode()
        if isinstance(content, (bytes, bytearray)) and content:
            found[section] = bytes(content)
    if not found.get(Section.EXIF, b"").startswith(_EXIF_STARTS):
        found.pop(Section.EXIF, None)
    for key in map(str, info):
        known = raw_profile(key, str(info[key])) if key.startswith("Raw profile type ") else None
        if known and known[0]:
            found.setdefault(known[0], known[1])
    if image.format == "TIFF":
        exif, losses = tiff.description(image)
        if exif:
            found.setdefault(Section.EXIF, exif)
    if image.format in ("JPEG", "MPO"):
        losses = jpeg.complete(image, found)
    if Section.EXIF in found:
        found[Section.EXIF] = found[Section.EXIF].removeprefix(EXIF_PREFIX)
    if image.format != "PNG" and info.get("comment"):
        losses.append("comment")
    losses += [name for key, name in (("gamma", "gAMA"), ("chromaticity", "cHRM")) if key in info]
    return found, tuple(losses)


def _colors(image: Image.Image) -> dict[Section, bytes]:
    """Palette and transparency of a loaded Pillow image of a mode that is taken.

    Raises:
        PictureError: a transparency that does not go with the mode.
    """
    found: dict[Section, bytes] = {}
    alphas = None
    if image.mode == "P" and (triples := image.getpalette("RGB")):
        found[Section.PALETTE] = bytes(triples)
        if image.palette is not None and image.palette.mode == "RGBA":
            alphas = bytes((image.getpalette("RGBA") or [])[3::4])
    # `info` has priority over the alpha of the palette, as in Pillow's PNG writer.
    value = image.info.get("transparency", alphas)
    if isinstance(value, str) and image.format == "PNG":
        value = alphas  # a comment of this name
    if value is None or image.mode in ("LA", "RGBA"):  # there it is a leftover
        return found
    try:
        if image.mode == "P":
            if not isinstance(value, bytes) and value not in range(256):
                raise ValueError
            stored = value if isinstance(value, bytes) else b"\xff" * value + b"\x00"
            if not 1 <= len(stored) <= 256:
                raise ValueError
        elif image.mode == "RGB":
            stored = struct.pack(">3H", *value)
        else:  # Pillow shows white of 1-bit images as 255, as it shows their pixels
            stored = struct.pack(">H", min(value, 1) if image.mode == "1" else value)
    except (TypeError, ValueError, struct.error):
        raise PictureError(
            f"transparency {value!r} does not go with mode {image.mode}: correct or delete "
            "image.info['transparency']"
        ) from None
    return found | {Section.TRANSPARENCY: stored}


def _samples(image: Image.Image, mode: Mode) -> Samples:
    """Block by block, since Pillow copies twice on the way to an array."""
    width, height = image.size
    samples = np.empty((height, width, mode.channels), mode.dtype)
    rows = max(1, _BLOCK_BYTES // (width * mode.channels * mode.dtype.itemsize))
    for top in range(0, height, rows):
        block = image.crop((0, top, width, min(top + rows, height)))
        samples[top : top + rows] = np.asarray(block).reshape(block.height, width, -1)
    return samples
