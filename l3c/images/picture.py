"""Any ordinary still image: its mode, its samples, and the bytes that belong to it.

A `Picture` holds what lossless means here: every sample of every channel, the palette in its order,
transparency as PNG knows it (tRNS), ICC profile, EXIF and XMP. Nothing is converted: an image of
another kind is refused by name. EXIF orientation is kept and not applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]
"""uint8 or uint16 (H, W, C)."""


class PictureError(ValueError):
    """An image that cannot be taken, or not written so; one line with its name and the reason.

    Attributes:
        name: of the file, or "image".
        reason: what it is and what to do.
    """

    def __init__(self, reason: str, name: str = "image") -> None:
        super().__init__(reason, name)
        self.reason, self.name = reason, name

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class Section(IntEnum):
    """What a picture has besides its samples. The values are stored in files."""

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


class Mode(IntEnum):
    """Kind of image. The values are stored in files.

    Attributes:
        pil: Pillow's name of the mode; "" for RGB16, which it does not have.
        channels: samples per pixel.
        bits: per sample: 1, 8 or 16.
        text: for messages.
    """

    pil: str
    channels: int
    bits: int
    text: str

    BILEVEL = 0, "1", 1, 1, "black and white"
    GREY = 1, "L", 1, 8, "greyscale"
    GREY_ALPHA = 2, "LA", 2, 8, "greyscale with alpha"
    PALETTE = 3, "P", 1, 8, "palette"
    RGB = 4, "RGB", 3, 8, "RGB"
    RGBA = 5, "RGBA", 4, 8, "alpha channel"
    GREY16 = 6, "I;16", 1, 16, "16-bit greyscale"
    RGB16 = 7, "", 3, 16, "16-bit RGB"

    def __new__(
        cls, value: int, pil: str = "", channels: int = 0, bits: int = 0, text: str = ""
    ) -> Mode:
        """A member, of a row above."""
        mode = int.__new__(cls, value)
        mode._value_ = value
        mode.pil, mode.channels, mode.bits, mode.text = pil, channels, bits, text
        return mode

    @property
    def alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self in (Mode.GREY_ALPHA, Mode.RGBA)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples: uint8, or uint16 for 16 bits."""
        return np.dtype(np.uint16 if self.bits == 16 else np.uint8)


_OF_ARRAY = {(mode.dtype.str[1:], mode.channels): mode for mode in Mode if mode != Mode.PALETTE}
_OF_ARRAY |= {("u1", 1): Mode.GREY, ("b1", 1): Mode.BILEVEL}


@dataclass(frozen=True, eq=False)
class Picture:
    """One still image.

    Attributes:
        mode: what the samples mean.
        samples: (H, W, C) of the mode's dtype and channels; 0 and 1 for BILEVEL, indices for
            PALETTE.
        sections: palette, transparency and metadata.
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
        colors = (Section.PALETTE, Section.TRANSPARENCY)
        return replace(self, sections={k: v for k, v in self.sections.items() if k in colors})

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
        mode = _OF_ARRAY.get((samples.dtype.str[1:], samples.shape[-1] if samples.ndim == 3 else 0))
        if mode is None:
            raise PictureError(
                "expected uint8 (H, W) or (H, W, 1 to 4), or uint16 (H, W) or (H, W, 1 or 3), "
                f"got {array.dtype} {array.shape}"
            )
        return cls(mode, samples.astype(mode.dtype, copy=False))


def check_sections(mode: Mode, sections: Mapping[Section, bytes]) -> None:
    """Returns if pictures of this mode can have these sections.

    Raises:
        PictureError: if not, with what is wrong.
    """
    if mode == Mode.PALETTE:
        palette, transparency = range(3, 769, 3), range(1, 257)
    else:
        color = 0 if mode in (Mode.GREY_ALPHA, Mode.RGBA) else 2 * mode.channels
        palette, transparency = range(0), range(color, color + 1) if color else range(0)
    for section, sizes in ((Section.PALETTE, palette), (Section.TRANSPARENCY, transparency)):
        if section in sections and len(sections[section]) not in sizes:
            size = len(sections[section])
            raise PictureError(f"{section.name} of {size} bytes does not go with {mode.name}")
