"""Tags of a TIFF: what Pillow would change without a word, and what describes the photograph."""

from __future__ import annotations

from typing import Any

from PIL import Image, TiffTags
from PIL.ExifTags import Base as Tag

__all__ = ["bit_depth", "description", "lacks_pixels", "problem"]

_WHITE_IS_0, _RGB, _SIGNED, _PLANES = 0, 2, 2, 2
_EXTRAS = ((0,), (1,))  # unspecified, premultiplied
_BLOCKS = (Tag.ExifOffset, Tag.GPSInfo)
_DESCRIPTIVE = (270, 271, 272, 274, 305, 306, 315, 33432, *_BLOCKS)
# Kept elsewhere (XMP, ICC profile), how the file stores the pixels, and their resolution.
_TECHNICAL = frozenset(
    {700, 34675, *range(254, 267), *range(273, 285), *range(288, 298), 317, *range(320, 329)}
    | {332, 334, 336, *range(338, 348), *range(512, 522), 529, 530, 531, 532}
)


def bit_depth(image: Image.Image) -> int:
    """Bits per channel. Pillow shows 16-bit RGB as 8-bit."""
    return max(_numbers(image, Tag.BitsPerSample, 8))


def problem(image: Image.Image) -> str:
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
        "16 bits that are not plain RGB": wide and color != _RGB,
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


def description(image: Image.Image) -> tuple[bytes, list[str]]:
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
