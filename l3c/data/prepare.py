"""The paper's preparation: random Lanczos downscale, then a filter on saturation and value.

Or small squares, box-downsampled, as ImageNet32 and ImageNet64 have them.

Downscaling removes JPEG artefacts, which a lossless coder would otherwise be measured on.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Self

import numpy as np
from PIL import Image
from pydantic import Field, model_validator

from l3c.data.images import RGBImage, check_rgb
from l3c.images.picture import PictureError
from l3c.settings import FrozenSettings


class Dropped(PictureError):  # noqa: N818  (a verdict, not a failure)
    """A sound image that a preparation leaves out, e.g. because it is too small."""


class Preparation(FrozenSettings):
    """How photographs are prepared; the defaults are the paper's (Open Images, third edition).

    Attributes:
        min_side: least length of the shorter side after scaling, in pixels.
        max_factor: largest scaling factor; photographs that cannot be scaled by it are dropped.
        max_saturation: photographs with a larger mean HSV saturation (0..1) are dropped.
        max_value: photographs with a larger mean HSV value (0..1) are dropped.
        copies: how many random factors of each photograph are made; more than 1 deviates from the
            paper, to stretch a tiny training set.
        full_size: the first of the copies is the photograph as it is.
        seed: another seed gives other factors.
        longer_side: scale the longer side to exactly this length in pixels, instead of by a random
            factor; min_side and max_factor are not used then.
        square: a random square, of at least twice this side, box-downsampled to this side in
            pixels; min_side and max_factor are not used then.
        shorter_side: as longer_side, of the shorter side; smaller photographs are enlarged, as
            CPM's are.
    """

    min_side: int = Field(default=512, ge=1)
    max_factor: float = Field(default=0.8, gt=0, le=1)
    max_saturation: float = Field(default=0.9, ge=0, le=1)
    max_value: float = Field(default=0.8, ge=0, le=1)
    copies: int = Field(default=1, ge=1, le=1000)
    full_size: bool = False
    seed: int = 0
    longer_side: int | None = Field(default=None, ge=1)
    square: int | None = Field(default=None, ge=1)
    shorter_side: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _copies_differ(self) -> Self:
        sides = (self.longer_side, self.shorter_side)
        if self.square is not None and (any(sides) or self.full_size):
            raise ValueError("square excludes longer_side, shorter_side and full_size")
        if sides.count(None) + (self.copies == 1) < 2:
            raise ValueError("one of longer_side, shorter_side, and copies above 1, at most")
        return self


def deviations(preparation: Preparation | None) -> list[str]:
    """How the preparation of images (None: taken as they are) differs from the paper's, by line."""
    if preparation is None:
        return ["prepare: none, the images as they are"]
    paper, ours = Preparation().model_dump(), preparation.model_dump()
    return [f"prepare.{k}: {v} instead of {paper[k]}" for k, v in ours.items() if v != paper[k]]


def choose_factor(height: int, width: int, name: str, copy: int, preparation: Preparation) -> float:
    """The scaling factor of one copy, drawn from seed, name and copy; the same on every machine.

    Raises:
        Dropped: if the image is too small.
    """
    if (wanted := preparation.longer_side) is not None:
        longer = max(height, width)
        if longer < wanted:
            raise Dropped(f"too small: longer side {longer} px < {wanted} px", name)
        return wanted / longer
    if preparation.shorter_side is not None:
        return preparation.shorter_side / min(height, width)
    if preparation.full_size and copy == 0:
        return 1.0
    least, largest, shorter = preparation.min_side, preparation.max_factor, min(height, width)
    if preparation.square is not None:
        least, largest = preparation.square, 0.5
    # The tolerance keeps 640 px at 0.8 (exactly 512 px) in, whatever the last bit of the product.
    if shorter * largest < least - 1e-6:
        raise Dropped(
            f"too small: shorter side {shorter} px, at most {largest:g} of it must be >= "
            f"{least} px",
            name,
        )
    smallest = least / shorter
    # NFC: the same name may be stored composed or decomposed, depending on the file system.
    text = f"{preparation.seed}\n{copy}\n{unicodedata.normalize('NFC', name)}"
    return smallest + _drawn(text) * (largest - smallest)


def _drawn(text: str) -> float:
    """A number in 0..1 that depends on the text alone."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def prepare_image(image: RGBImage, factor: float, name: str, preparation: Preparation) -> RGBImage:
    """The photograph downscaled by Lanczos, or a square of it by a box, if it passes the filter.

    Args:
        image: uint8 (H, W, 3).
        factor: as `choose_factor` gave it.
        name: of the copy, for the error; where a square lies depends on it.
        preparation: with the thresholds.

    Returns:
        uint8 (H', W', 3).

    Raises:
        Dropped: if the image is too saturated or too bright, with the figures.
    """
    check_rgb(image)
    height, width = image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    resampling = Image.Resampling.LANCZOS
    if preparation.square is not None:
        size, resampling = (preparation.square, preparation.square), Image.Resampling.BOX
        side = round(preparation.square / factor)
        text = f"{preparation.seed}\n{unicodedata.normalize('NFC', name)}"
        top = int(_drawn(f"{text}\ntop") * (height - side + 1))
        left = int(_drawn(f"{text}\nleft") * (width - side + 1))
        image = image[top : top + side, left : left + side]
    scaled = np.array(Image.fromarray(image).resize(size, resampling), order="C")
    saturation, value = mean_saturation_value(scaled)
    for word, kind, mean, limit in (
        ("saturated", "saturation", saturation, preparation.max_saturation),
        ("bright", "value", value, preparation.max_value),
    ):
        if mean > limit:
            raise Dropped(f"too {word}: mean HSV {kind} {mean:.3f} > {limit:g}", name)
    return scaled


def mean_saturation_value(image: RGBImage) -> tuple[float, float]:
    """Mean HSV saturation and value, each in 0..1, of a uint8 (H, W, 3) image (black: 0 and 0)."""
    largest = image.max(axis=2).astype(np.float64)
    smallest = image.min(axis=2)
    saturation = (largest - smallest) / np.maximum(largest, 1)
    return float(saturation.mean()), float(largest.mean() / 255)
