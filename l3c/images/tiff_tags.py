"""Tags of a TIFF: what Pillow would change without a word, and what describes the photograph."""

from __future__ import annotations

from typing import Any

from PIL import Image, TiffTags

__all__ = ["bit_depth", "description", "lacks_pixels", "problem"]

_BITS, _PHOTOMETRIC, _SAMPLES, _PLANES = 258, 262, 277, 284
_COLOR_MAP, _EXTRA, _FORMAT = 320, 338, 339
_WIDTH, _HEIGHT, _STRIPS, _STRIP_ROWS = 256, 257, 273, 278
_TILE_WIDTH, _TILE_HEIGHT, _TILES = 322, 323, 324
_WHITE_IS_0, _RGB, _SIGNED = 0, 2, 2
_EXTRAS = {0: "of no said meaning", 1: "premultiplied"}
_EXIF_BLOCKS = (34665, 34853)
_DESCRIPTIVE = (270, 271, 272, 274, 305, 306, 315, 33432, *_EXIF_BLOCKS)
# Kept elsewhere (XMP, ICC profile), how the file stores the pixels, and their resolution.
_TECHNICAL = frozenset(
    {700, 34675, *range(254, 267), *range(273, 285), *range(288, 298), 317, *range(320, 329)}
    | {332, 334, 336, *range(338, 348), *range(512, 522), 529, 530, 531, 532}
)


def bit_depth(image: Image.Image) -> int:
    """Bits per channel. Pillow shows 16-bit RGB as 8-bit."""
    return max(_numbers(image, _BITS, 8))


def problem(image: Image.Image) -> str:
    """What Pillow would change without a word while it loads a TIFF; "" if nothing."""
    tags, bands, bits = image.getexif(), len(image.getbands()), bit_depth(image)
    samples = int(tags.get(_SAMPLES, 1))
    if _SIGNED in _numbers(image, _FORMAT, 1) and bits <= 16:  # more bits are refused anyway
        return f"a TIFF with {bits}-bit signed samples"
    if samples != bands:
        return f"a TIFF of {samples} channels, of which Pillow takes {bands}"
    extra = _numbers(image, _EXTRA, None)
    if bands in (2, 4) and extra and extra[0] in _EXTRAS:
        return f"a TIFF with alpha {_EXTRAS[extra[0]]}"
    if image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == _WHITE_IS_0:
        return "a 16-bit TIFF that counts from white to black"
    if bits == 16 and image.mode == "RGB":
        if tags.get(_PHOTOMETRIC) != _RGB:
            return "a 16-bit TIFF that is not plain RGB"
        if tags.get(_PLANES) == 2:
            return "16-bit RGB stored plane by plane"
    return ""


def lacks_pixels(image: Image.Image) -> bool:
    """Whether there are fewer strips or tiles than the size needs; Pillow leaves the rest black."""
    tags = image.getexif()
    width, height = int(tags.get(_WIDTH, 0)), int(tags.get(_HEIGHT, 0))
    across, down = width, int(tags.get(_STRIP_ROWS, height))
    offsets = _numbers(image, _STRIPS, None)
    if not offsets:
        across, down = int(tags.get(_TILE_WIDTH, width)), int(tags.get(_TILE_HEIGHT, height))
        offsets = _numbers(image, _TILES, None)
    planes = int(tags.get(_SAMPLES, 1)) if tags.get(_PLANES) == 2 else 1
    needed = -(-width // max(across, 1)) * -(-height // max(down, 1)) * planes
    return len(offsets) < needed


def description(image: Image.Image) -> tuple[bytes | None, list[str]]:
    """The tags about the photograph as an EXIF block, and the names of tags that are not kept."""
    tags, block = image.getexif(), Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in tags:
            block[tag] = tags.get_ifd(tag) if tag in _EXIF_BLOCKS else tags[tag]
    others = [tag for tag in tags if tag not in _TECHNICAL and tag not in _DESCRIPTIVE]
    losses = [_name(tag) for tag in others]
    if any(value % 257 and value % 256 for value in _numbers(image, _COLOR_MAP, None)):
        losses.append("the low bits of a 16-bit palette")
    return block.tobytes() if block else None, losses


def _numbers(image: Image.Image, tag: int, default: int | None) -> tuple[int, ...]:
    """A tag's values, of which a file may have one or several."""
    value: Any = image.getexif().get(tag, default)
    if value is None:
        return ()
    return tuple(int(one) for one in value) if isinstance(value, tuple) else (int(value),)


def _name(tag: int) -> str:
    name = TiffTags.lookup(tag).name
    return f"tag {tag}" if name == "unknown" else name
