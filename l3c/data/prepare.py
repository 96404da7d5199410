"""The paper's preparation: random Lanczos downscale, then a filter on saturation and value.

Downscaling removes JPEG artefacts, which a lossless coder would otherwise be measured on.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Self

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

from l3c.data.errors import Dropped
from l3c.data.images import RGBImage, check_rgb


class Preparation(BaseModel):
    """How photographs are prepared; the defaults are the paper's (Open Images, third edition).

    Attributes:
        min_side: least length of the shorter side after scaling, in pixels.
        max_factor: largest scaling factor; photographs that cannot be scaled by it are dropped.
        max_saturation: photographs with a larger mean HSV saturation (0..1) are dropped.
        max_value: photographs with a larger mean HSV value (0..1) are dropped.
        copies: how many random factors of each photograph are made; more than 1 deviates from the
            paper, to stretch a tiny training set.
        seed: another seed gives other factors.
        longer_side: scale the longer side to exactly this length in pixels, instead of by a random
            factor; min_side and max_factor are not used then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_side: int = Field(default=512, ge=1)
    max_factor: float = Field(default=0.8, gt=0, le=1)
    max_saturation: float = Field(default=0.9, ge=0, le=1)
    max_value: float = Field(default=0.8, ge=0, le=1)
    copies: int = Field(default=1, ge=1, le=1000)
    seed: int = 0
    longer_side: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _copies_differ(self) -> Self:
        if self.longer_side is not None and self.copies > 1:
            raise ValueError("copies must be 1 with longer_side: they would all be the same")
        return self


def deviations(preparation: Preparation | None) -> list[str]:
    """How images were prepared otherwise than the paper's, one readable line each.

    Args:
        preparation: of the images; None if they were taken as they are.
    """
    if preparation is None:
        return ["prepare: none, the images as they are"]
    paper = Preparation().model_dump()
    ours = preparation.model_dump()
    return [
        f"prepare.{key}: {value} instead of {paper[key]}"
        for key, value in ours.items()
        if value != paper[key]
    ]


def factor_range(height: int, width: int, preparation: Preparation) -> tuple[float, float]:
    """Smallest and largest factor by which an image of this size may be scaled.

    Raises:
        Dropped: if the image is too small for any.
    """
    if preparation.longer_side is not None:
        longer = max(height, width)
        if longer < preparation.longer_side:
            raise Dropped(f"too small: longer side {longer} px < {preparation.longer_side} px")
        factor = preparation.longer_side / longer
        return factor, factor
    shorter = min(height, width)
    # The tolerance keeps 640 px at 0.8 (exactly 512 px) in, whatever the last bit of the product.
    if shorter * preparation.max_factor < preparation.min_side - 1e-6:
        raise Dropped(
            f"too small: shorter side {shorter} px, at most {preparation.max_factor:g} of it "
            f"must be >= {preparation.min_side} px"
        )
    return preparation.min_side / shorter, preparation.max_factor


def choose_factor(height: int, width: int, name: str, copy: int, preparation: Preparation) -> float:
    """The scaling factor of one copy: uniform in factor_range, drawn from seed, name and copy.

    Raises:
        Dropped: if the image is too small.
    """
    low, high = factor_range(height, width, preparation)
    # NFC: the same name may be stored composed or decomposed, depending on the file system.
    name = unicodedata.normalize("NFC", name)
    seed = f"{preparation.seed}\n{copy}\n{name}".encode("utf-8", "surrogateescape")
    uniform = int.from_bytes(hashlib.sha256(seed).digest()[:6], "big") / 2**48
    return low + uniform * (high - low)


def prepare_image(image: RGBImage, name: str, copy: int, preparation: Preparation) -> RGBImage:
    """The photograph downscaled with Pillow's Lanczos filter, if it passes the filter.

    Args:
        image: uint8 (H, W, 3).
        name: seeds the random factor: the same name gives the same result on every machine.
        copy: 0 .. copies - 1, another factor for each.
        preparation: sizes and thresholds.

    Returns:
        uint8 (H', W', 3).

    Raises:
        Dropped: if the image is too small, too saturated or too bright, with the figures.
    """
    check_rgb(image)
    height, width = image.shape[:2]
    factor = choose_factor(height, width, name, copy, preparation)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    scaled = np.array(
        Image.fromarray(image).resize(size, Image.Resampling.LANCZOS), dtype=np.uint8, order="C"
    )
    saturation, value = mean_saturation_value(scaled)
    if saturation > preparation.max_saturation:
        raise Dropped(
            f"too saturated: mean HSV saturation {saturation:.3f} > {preparation.max_saturation:g}"
        )
    if value > preparation.max_value:
        raise Dropped(f"too bright: mean HSV value {value:.3f} > {preparation.max_value:g}")
    return scaled


def mean_saturation_value(image: RGBImage) -> tuple[float, float]:
    """Mean HSV saturation and value, each in 0..1, of a uint8 (H, W, 3) image (black: 0 and 0)."""
    largest = image.max(axis=2).astype(np.float64)
    smallest = image.min(axis=2)
    saturation = (largest - smallest) / np.maximum(largest, 1)
    return float(saturation.mean()), float(largest.mean() / 255)
