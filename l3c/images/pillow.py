"""Pictures <-> Pillow images, with all that belongs to them, and what Pillow changes in a TIFF."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageFile, TiffTags
from PIL.ExifTags import Base as Tag

from l3c.images import jpeg
from l3c.images.picture import Mode, Picture, PictureError, Samples, Section

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
_RAW_KEYWORD = "Raw profile type "
_RAW_PROFILE = re.compile(r"\s*\S+\s+(\d+)\s+([0-9a-fA-F\s]*)")
_RAW_KINDS = {"exif": Section.EXIF, "app1": Section.EXIF, "xmp": Section.XMP}
_RAW_KINDS |= {"icc": Section.ICC, "icm": Section.ICC}
# Of TIFF.
_WHITE_IS_0, _RGB_COLORS, _SIGNED, _PLANES = 0, 2, 2, 2
_EXTRAS = ((0,), (1,))  # unspecified, premultiplied
_BLOCKS = (Tag.ExifOffset, Tag.GPSInfo)
_DESCRIPTIVE = (270, 271, 272, 274, 305, 306, 315, 33432, *_BLOCKS)
# Kept elsewhere (XMP, ICC profile), how the file stores the pixels, and their resolution.
_TECHNICAL = frozenset(
    {700, 34675, *range(254, 267), *range(273, 285), *range(288, 298), 317, *range(320, 329)}
    | {332, 334, 336, *range(338, 348), *range(512, 522), 529, 530, 531, 532}
)


def from_pil(image: Image.Image, samples: Samples | None = None) -> Picture:
    """A copy of a Pillow image with its palette, transparency, profile, EXIF and XMP.

    Pillow itself turns a TIFF by its orientation.

    Args:
        image: of a mode that pictures have.
        samples: (H, W, C), of an image that is not to be loaded.

    Raises:
        PictureError: an image of another mode, by name, or of several frames.
        OSError: raised by Pillow where a file is broken.
    """
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


def to_pil(picture: Picture) -> Image.Image:
    """A Pillow image with the same palette, transparency, profile, EXIF and XMP in its info.

    16-bit grey has mode "I;16"; a palette's alpha is in `info["transparency"]`.

    Raises:
        PictureError: for RGB16, which Pillow does not have.
    """
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
        keyword: "Raw profile type " and the kind, if it is such a chunk.
        text: kind, number of bytes, and the bytes as hexadecimal digits.

    Returns:
        Where it belongs and its bytes; no section for a kind that is not kept, such as IPTC; None
        if it is no such text: then it is a comment.
    """
    match = keyword.startswith(_RAW_KEYWORD) and _RAW_PROFILE.fullmatch(text)
    digits = "".join(match[2].split()) if match else ""
    if not match or len(digits) < 2 * int(match[1]):
        return None
    data = bytes.fromhex(digits[: 2 * int(match[1])])
    if data.startswith(jpeg.XMP_PREFIX):
        return Section.XMP, data.removeprefix(jpeg.XMP_PREFIX)
    kind = keyword.removeprefix(_RAW_KEYWORD).lower()
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
    for keyword, text in info.items():
        known = raw_profile(str(keyword), str(text))
        if known and known[0]:
            found.setdefault(known[0], known[1])
    if image.format == "TIFF":
        exif, losses = _description(image)
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


def bit_depth(image: Image.Image) -> int:
    """Bits per channel. Pillow shows 16-bit RGB as 8-bit."""
    return max(_numbers(image, Tag.BitsPerSample, 8))


def tiff_problem(image: Image.Image) -> str:
    """What of a TIFF Pillow would change without a word, or is not taken; "" if nothing."""
    mode, bands, bits, tags = image.mode, image.getbands(), bit_depth(image), image.getexif()
    color, extra = tags.get(Tag.PhotometricInterpretation), _numbers(image, 338)
    wide = bits == 16 and mode == "RGB"
    planar = wide and tags.get(Tag.PlanarConfiguration) == _PLANES
    changes = {
        # More bits are refused anyway.
        f"{bits}-bit signed samples": _SIGNED in _numbers(image, 339) and bits <= 16,
        f"more channels than {mode}": tags.get(Tag.SamplesPerPixel, 1) != len(bands),
        "unspecified or premultiplied alpha": bands[-1] == "A" and extra[:1] in _EXTRAS,
        "16-bit grey from white to black": mode.startswith("I;16") and color == _WHITE_IS_0,
        "16 bits that are not plain RGB": wide and color != _RGB_COLORS,
        "16-bit RGB stored plane by plane": planar,
        f"{bits}-bit {mode}": mode in ("LA", "RGB", "RGBA") and bits != 8 and not wide,
    }
    return next((f"a TIFF with {change}" for change, found in changes.items() if found), "")


def lacks_pixels(image: Image.Image) -> bool:
    """Whether there are fewer strips or tiles than the size needs; Pillow leaves the rest black."""
    tags, (width, height) = image.getexif(), image.size
    if tags.get(Tag.Orientation, 1) > 4:  # by which Pillow turns the size already
        width, height = height, width
    offsets, across, down = _numbers(image, Tag.StripOffsets), width, tags.get(278, height)
    if not offsets:  # tiles, whose sides are in two more tags
        offsets, across, down = _numbers(image, 324), tags.get(322, width), tags.get(323, height)
    planar = tags.get(Tag.PlanarConfiguration) == _PLANES
    planes = tags.get(Tag.SamplesPerPixel, 1) if planar else 1
    return len(offsets) < -(-width // max(across, 1)) * -(-height // max(down, 1)) * planes


def _description(image: Image.Image) -> tuple[bytes, list[str]]:
    """The tags about the photograph as an EXIF block, and the names of tags that are not kept."""
    tags, block = image.getexif(), Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in tags:
            block[tag] = tags.get_ifd(tag) if tag in _BLOCKS else tags[tag]
    others = [tag for tag in tags if tag not in _TECHNICAL and tag not in _DESCRIPTIVE]
    names = {tag: TiffTags.lookup(tag).name for tag in others}
    losses = [f"tag {tag}" if name == "unknown" else name for tag, name in names.items()]
    if any(value % 257 and value % 256 for value in _numbers(image, 320)):
        losses.append("the low bits of a 16-bit palette")
    return block.tobytes() if block else b"", losses


def _numbers(image: Image.Image, tag: int, *default: int) -> tuple[int, ...]:
    """A tag's values, of which a file may have one or several."""
    value: Any = image.getexif().get(tag, default)
    return tuple(int(one) for one in value) if isinstance(value, tuple) else (int(value),)
