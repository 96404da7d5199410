"""The interface of lossy codecs, and what those that Pillow writes have in common."""

from __future__ import annotations

import io
import re
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import PIL
from PIL import Image as Images
from PIL import features

from baselines.base import Compressor, DecodeError, Image, check_image


class LossyMethod(Compressor):
    """A lossy image compressor over its range of rates.

    Attributes:
        quality: what its settings are called, e.g. "quality".
        points: settings of the operating points, from the lowest rate to the highest.
    """

    quality: ClassVar[str] = "quality"
    points: ClassVar[tuple[float, ...]]

    @abstractmethod
    def encode(self, image: Image, point: float) -> bytes:
        """The whole bitstream of an image, uint8 (H, W, 3), at one of the points or between them.

        Raises:
            TypeError, ValueError: not such an image, or a point out of range.
            UnavailableError: see `why_unavailable`.
        """

    @abstractmethod
    def decode(self, data: bytes) -> Image:
        """The reconstruction, uint8 (H, W, 3).

        Raises:
            DecodeError: not a bitstream of this method.
        """

    def header_bytes(self, data: bytes) -> int:
        """Bytes before the coded picture, which some papers do not count; 0 where none is told."""
        return 0

    def check(self, image: Image, point: float) -> None:
        """Raises what `encode` does for arguments that are not allowed."""
        check_image(image)
        self.require()
        if not min(self.points) <= point <= max(self.points):
            low, high = sorted((self.points[0], self.points[-1]))
            raise ValueError(f"{self.name}: {self.quality} {point:g}, not {low:g} to {high:g}")


class PillowMethod(LossyMethod):
    """A format that Pillow writes.

    Attributes:
        format: Pillow's name of it.
        feature: Pillow's name of the library that it needs.
        options: of `Image.save`, besides those of `save_options`.
    """

    format: ClassVar[str]
    feature: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}

    def why_unavailable(self) -> str:
        if not features.check(self.feature):
            return f"this build of Pillow has no {self.feature}: pip install pillow"
        return ""

    def version(self) -> str:
        return f"Pillow {PIL.__version__}, {self.feature} {features.version(self.feature)}"

    def save_options(self, point: float) -> dict[str, Any]:
        """Options of `Image.save` at a point."""
        return {"quality": int(point)}

    def encode(self, image: Image, point: float) -> bytes:
        self.check(image, point)
        out = io.BytesIO()
        options = self.options | self.save_options(point)
        Images.fromarray(image).save(out, self.format, **options)
        return out.getvalue()

    def decode(self, data: bytes) -> Image:
        self.require()
        try:
            with Images.open(io.BytesIO(data), formats=[self.format]) as opened:
                return np.array(opened.convert("RGB"))
        except (OSError, ValueError, SyntaxError) as error:
            raise DecodeError(self.name, str(error) or type(error).__name__) from error


def lossy_key(name: str) -> str:
    """The key of a method that has a label only."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


def after(data: bytes, mark: bytes, more: int = 0) -> int:
    """Where the bytes after the first `mark`, and `more` of them, start; 0 without a mark."""
    at = data.find(mark)
    return 0 if at < 0 else at + len(mark) + more
