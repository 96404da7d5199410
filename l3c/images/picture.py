"""Any ordinary still image: its mode, its samples, and the bytes that belong to it.

A `Picture` holds what lossless means here: every sample of every channel, the palette in its order,
transparency as PNG knows it (tRNS), ICC profile, EXIF and XMP. Nothing is converted: an image of
another kind is refused by name. EXIF orientation is kept and not applied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from l3c.images.metadata import EXIF_PREFIX, Section, pillow_metadata

__all__ = [
    "MODE_NAMES",
    "Mode",
    "Picture",
    "PictureError",
    "Samples",
    "Section",
    "check_sections",
    "pillow_info",
]

Samples = NDArray[Any]
"""uint8 or uint16 (H, W, C)."""

MODE_NAMES = {
    "1": "black and white",
    "L": "greyscale",
    "LA": "greyscale with alpha",
    "La": "greyscale with premultiplied alpha",
    "P": "palette",
    "PA": "palette with alpha",
    "RGB": "RGB",
    "RGBA": "alpha channel",
    "RGBa": "premultiplied alpha channel",
    "RGBX": "four channels",
    "CMYK": "CMYK",
    "YCbCr": "YCbCr",
    "LAB": "LAB",
    "HSV": "HSV",
    "I": "32-bit greyscale",
    "F": "floating-point greyscale",
    "I;16": "16-bit greyscale",
    "I;16B": "16-bit greyscale",
    "I;16L": "16-bit greyscale",
    "I;16N": "16-bit greyscale",
}
"""Pillow's modes in words."""

# What to convert a refused image to. Premultiplied alpha loses colors either way.
_CONVERT_TO = {"La": "LA", "PA": "RGBA", "RGBa": "RGBA", "I": "I;16 or L", "F": "I;16 or L"}
_BLOCK_BYTES = 2**22  # samples taken from Pillow at a time; it makes two more copies of these


class PictureError(ValueError):
    """An image that cannot be taken, or not written so; one line with its name and the reason.

    Attributes:
        name: of the file, or "image".
        reason: what it is and what to do.
    """

    def __init__(self, reason: str, name: str = "image") -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type[PictureError], tuple[str, str]]:
        return PictureError, (self.reason, self.name)


class Mode(IntEnum):
    """Kind of image. The values are stored in files."""

    BILEVEL = 0
    GREY = 1
    GREY_ALPHA = 2
    PALETTE = 3
    RGB = 4
    RGBA = 5
    GREY16 = 6
    RGB16 = 7

    @property
    def pil(self) -> str:
        """Pillow's name of the mode; "" for RGB16, which it does not have."""
        return _PIL[self]

    @property
    def channels(self) -> int:
        """Samples per pixel."""
        return _CHANNELS[self]

    @property
    def bits(self) -> int:
        """Bits per sample: 1, 8 or 16."""
        return _BITS.get(self, 8)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the samples: uint8, or uint16 for 16 bits."""
        return np.dtype(np.uint16 if self.bits == 16 else np.uint8)


_PIL = dict(zip(Mode, ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", ""), strict=True))
_CHANNELS = dict(zip(Mode, (1, 1, 2, 1, 3, 4, 1, 3), strict=True))
_BITS = {Mode.BILEVEL: 1, Mode.GREY16: 16, Mode.RGB16: 16}
_FROM_PIL = {name: mode for mode, name in _PIL.items() if name} | {
    name: Mode.GREY16 for name in ("I;16B", "I;16L", "I;16N")
}


_METADATA = frozenset({Section.ICC, Section.EXIF, Section.XMP})


@dataclass(frozen=True, eq=False)
class Picture:
    """One still image.

    Attributes:
        mode: what the samples mean.
        samples: uint8 or uint16 (H, W, C) as the mode says; 0 and 1 for BILEVEL, indices for
            PALETTE.
        sections: what belongs to it beside the samples.
        losses: names of what the file had and is not kept; no part of the picture's value.

    Raises:
        PictureError: if they do not fit together.
    """

    mode: Mode
    samples: Samples
    sections: Mapping[Section, bytes] = field(default_factory=dict)
    losses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        mode, samples = self.mode, self.samples
        if samples.dtype != mode.dtype or samples.ndim != 3 or samples.shape[2] != mode.channels:
            raise PictureError(
                f"expected {mode.dtype} (H, W, {mode.channels}) for {mode.name}, "
                f"got {samples.dtype} {samples.shape}"
            )
        if 0 in samples.shape:
            raise PictureError("empty: no pixels")
        if mode == Mode.BILEVEL and samples.max() > 1:
            raise PictureError(f"expected samples 0 and 1 for BILEVEL, got {samples.max()}")
        check_sections(mode, self.sections)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Picture):
            return NotImplemented
        return (
            self.mode == other.mode
            and np.array_equal(self.samples, other.samples)
            and dict(self.sections) == dict(other.sections)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def height(self) -> int:
        """Rows."""
        return self.samples.shape[0]

    @property
    def width(self) -> int:
        """Pixels of a row."""
        return self.samples.shape[1]

    def strip(self) -> Picture:
        """The same pixels without ICC profile, EXIF and XMP."""
        kept = {kind: data for kind, data in self.sections.items() if kind not in _METADATA}
        return replace(self, sections=kept)

    @classmethod
    def from_array(cls, array: NDArray[Any]) -> Picture:
        """A picture of an array's values; the array is not copied.

        Args:
            array: (H, W) or (H, W, C), uint8: 1 channel is grey, 2 grey and alpha, 3 RGB, 4 RGBA;
                uint16: grey or RGB; bool: black and white.

        Raises:
            PictureError: for anything else.
        """
        if not isinstance(array, np.ndarray):
            raise PictureError(f"expected a NumPy array, got {type(array).__name__}")
        samples = array[..., np.newaxis] if array.ndim == 2 else array
        channels = samples.shape[2] if samples.ndim == 3 else 0
        kind = (samples.dtype.kind + str(samples.dtype.itemsize), channels)
        if kind not in _FROM_ARRAY:
            raise PictureError(
                "expected uint8 (H, W) or (H, W, 1 to 4), or uint16 (H, W) or (H, W, 1 or 3), "
                f"got {array.dtype} {array.shape}"
            )
        mode = _FROM_ARRAY[kind]
        return cls(mode, samples.astype(mode.dtype, copy=False))

    @classmethod
    def from_pil(cls, image: Image.Image) -> Picture:
        """A copy of a Pillow image with its palette, transparency, profile, EXIF and XMP.

        Pillow itself turns a TIFF as its orientation says.

        Raises:
            PictureError: an image of another mode, by name, or of several frames.
            OSError: whatever Pillow says when it loads a broken file.
        """
        if image.mode not in _FROM_PIL:
            kind = MODE_NAMES.get(image.mode, f"mode {image.mode}")
            raise PictureError(f"{kind}: convert it to {_CONVERT_TO.get(image.mode, 'RGB')} first")
        mode = _FROM_PIL[image.mode]
        if 0 in image.size:
            raise PictureError("empty: no pixels")
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            raise PictureError("animated or multi-page: take one frame with image.copy()")
        _load(image)
        found, losses = pillow_metadata(image)
        return cls(mode, _samples(image, mode), found | _colors(image), losses)

    def to_pil(self) -> Image.Image:
        """A Pillow image with the same palette, transparency, profile, EXIF and XMP in its info.

        16-bit grey has mode "I;16"; a palette's alpha is in `info["transparency"]`.

        Raises:
            PictureError: for RGB16, which Pillow does not have.
        """
        if self.mode == Mode.RGB16:
            raise PictureError("16-bit RGB: Pillow has no such mode; take the array")
        image = Image.frombytes(self.mode.pil, (self.width, self.height), self._packed())
        if palette := self.sections.get(Section.PALETTE):
            image.putpalette(palette)
        image.info.update(pillow_info(self.mode, self.sections).items())
        return image

    def _packed(self) -> bytes | memoryview:
        """The samples as Pillow unpacks them, if possible without a copy."""
        if self.mode == Mode.BILEVEL:
            return np.packbits(self.samples[..., 0], axis=1).tobytes()  # rows begin with a byte
        samples = self.samples.astype(self.mode.dtype.newbyteorder("<"), copy=False)
        return np.ascontiguousarray(samples).data.cast("B")


_FROM_ARRAY = {
    ("b1", 1): Mode.BILEVEL,
    ("u1", 1): Mode.GREY,
    ("u1", 2): Mode.GREY_ALPHA,
    ("u1", 3): Mode.RGB,
    ("u1", 4): Mode.RGBA,
    ("u2", 1): Mode.GREY16,
    ("u2", 3): Mode.RGB16,
}


def check_sections(mode: Mode, contents: Mapping[Section, bytes]) -> None:
    """Returns if pictures of this mode can have these sections.

    Raises:
        PictureError: if not, with what is wrong.
    """
    palette = contents.get(Section.PALETTE)
    if palette is not None:
        if mode != Mode.PALETTE:
            raise PictureError(f"a palette does not go with {mode.name}")
        if len(palette) % 3 or not 3 <= len(palette) <= 768:
            raise PictureError(f"expected 1 to 256 palette entries of 3 bytes, got {len(palette)}")
    transparency = contents.get(Section.TRANSPARENCY)
    if transparency is None:
        return
    if mode in (Mode.GREY_ALPHA, Mode.RGBA):
        raise PictureError(f"a transparent color does not go with {mode.name}")
    if mode == Mode.PALETTE:
        if not 1 <= len(transparency) <= 256:
            raise PictureError(f"expected 1 to 256 palette alphas, got {len(transparency)}")
    elif len(transparency) != 2 * mode.channels:
        raise PictureError(
            f"expected {2 * mode.channels} bytes of a transparent color, got {len(transparency)}"
        )


def pillow_info(mode: Mode, contents: Mapping[Section, bytes]) -> dict[str, Any]:
    """What the `info` of a Pillow image holds of a picture's sections: all but the palette."""
    keys = {Section.ICC: "icc_profile", Section.EXIF: "exif", Section.XMP: "xmp"}
    info: dict[str, Any] = {key: contents[kind] for kind, key in keys.items() if kind in contents}
    if "exif" in info:
        info["exif"] = EXIF_PREFIX + info["exif"]
    if Section.TRANSPARENCY in contents:
        info["transparency"] = _to_pil_transparency(mode, contents[Section.TRANSPARENCY])
    return info


def _load(image: Image.Image) -> None:
    """Loads the pixels, but maps no file into memory: Pillow shears TIFFs that are to be turned."""
    if isinstance(image, ImageFile.ImageFile) and image.tile:
        filename, image.filename = image.filename, ""
        try:
            image.load()
        finally:
            image.filename = filename
    else:
        image.load()


def _colors(image: Image.Image) -> dict[Section, bytes]:
    """Palette and transparency of a loaded Pillow image of a mode that is taken.

    Raises:
        PictureError: a transparency that does not go with the mode.
    """
    found: dict[Section, bytes] = {}
    alphas = None
    if image.mode == "P":
        if triples := image.getpalette("RGB"):
            found[Section.PALETTE] = bytes(triples)
        if triples and image.palette is not None and image.palette.mode == "RGBA":
            alphas = bytes((image.getpalette("RGBA") or [])[3::4])
    # Pillow's PNG writer, too, takes what `info` says before the alpha of the palette.
    transparency = image.info.get("transparency", alphas)
    if isinstance(transparency, str) and image.format == "PNG":
        transparency = alphas  # a comment of this name
    if transparency is not None and image.mode not in ("LA", "RGBA"):  # there it is a leftover
        found[Section.TRANSPARENCY] = _from_pil_transparency(image.mode, transparency)
    return found


def _samples(image: Image.Image, mode: Mode) -> Samples:
    """Block by block, since Pillow copies twice on the way to an array."""
    width, height = image.size
    samples = np.empty((height, width, mode.channels), mode.dtype)
    rows = max(1, _BLOCK_BYTES // (width * mode.channels * mode.dtype.itemsize))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        block = image.crop((0, top, width, bottom))
        if mode == Mode.BILEVEL:
            packed = np.frombuffer(block.tobytes(), np.uint8).reshape(bottom - top, -1)
            samples[top:bottom, :, 0] = np.unpackbits(packed, axis=1, count=width)
        else:
            samples[top:bottom] = np.asarray(block).reshape(bottom - top, width, -1)
    return samples


def _from_pil_transparency(mode: str, value: Any) -> bytes:
    """Bytes of a tRNS chunk; inverse of `_to_pil_transparency`."""
    if mode == "P":
        if isinstance(value, bytes) and 1 <= len(value) <= 256:
            return value
        if isinstance(value, int) and 0 <= value <= 255:
            return b"\xff" * value + b"\x00"
    elif mode == "RGB":
        if isinstance(value, (tuple, list)) and len(value) == 3 and all(map(_is_uint16, value)):
            return b"".join(int(sample).to_bytes(2, "big") for sample in value)
    elif _is_uint16(value):
        # Pillow shows white of 1-bit images as 255, as it shows their pixels.
        return (int(value != 0) if mode == "1" else int(value)).to_bytes(2, "big")
    raise PictureError(
        f"transparency {value!r} does not go with mode {mode}: correct or delete "
        "image.info['transparency']"
    )


def _to_pil_transparency(mode: Mode, data: bytes) -> bytes | int | tuple[int, ...]:
    if mode == Mode.PALETTE:
        return len(data) - 1 if re.fullmatch(rb"\xff*\x00", data) else data
    values = tuple(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    if mode == Mode.BILEVEL:
        return 255 if values[0] else 0
    return values[0] if len(values) == 1 else values


def _is_uint16(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and 0 <= int(value) <= 65535
