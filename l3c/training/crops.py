"""Crops of images: at random to train on, and the middle to validate and calibrate on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from l3c.data.images import RGBImage, kept_images, kept_rows
from l3c.models.base import Model
from l3c.recipe import TrainSettings
from l3c.training import TrainingError

SIDE = 128  # of the crops for validation in pixels, at most
CROPS = 64  # for validation at most, spread over the photographs
_BATCH = 8


class Crops:
    """Batches of random crops, a function of seed and step alone: a resumed run sees the same.

    Args:
        images: name -> uint8 (H, W, 3), which may be mapped into memory.
        settings: crop, batch, rotate and seed are used.

    Raises:
        TrainingError: an image is smaller than the crop.
    """

    def __init__(self, images: Mapping[str, RGBImage], settings: TrainSettings) -> None:
        for name, image in images.items():
            if min(image.shape[:2]) < settings.crop:
                raise TrainingError(
                    f"{name}: {image.shape[0]}x{image.shape[1]} pixels, smaller than the crop of "
                    f"{settings.crop}; set a smaller train.crop or a larger prepare.min_side"
                )
        self._names, self._images, self._settings = sorted(images), images, settings

    def batch(self, step: int) -> tuple[Tensor, list[str]]:
        """The crops of a step, flipped, turned and permuted, and the names of their images.

        Args:
            step: 0-based.

        Returns:
            uint8 (N, 3, crop, crop), and N names.
        """
        settings, side = self._settings, self._settings.crop
        rng = np.random.default_rng([settings.seed, step])
        crops, names = [], []
        for _ in range(settings.batch):
            name = self._names[rng.integers(len(self._names))]
            image = self._images[name]
            top, left = (rng.integers(length - side + 1) for length in image.shape[:2])
            flip = rng.integers(2)
            turn = int(rng.integers(4)) if settings.rotate else 0
            permuted = settings.permute > 0 and rng.random() < settings.permute
            order = rng.permutation(3) if permuted else np.arange(3)
            crop = image[top : top + side, left : left + side, order]
            crops.append(np.rot90(crop[:, ::-1] if flip else crop, turn))
            names.append(name)
        return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2), names


def spread(names: Sequence[str], count: int) -> list[str]:
    """At most `count` of the names, evenly spread."""
    return list(dict.fromkeys(names[i * len(names) // count] for i in range(count)))


def middle(image: RGBImage, side: int) -> RGBImage:
    """The middle square of an image, as far as it reaches: uint8 (H, W, 3)."""
    top, left = (max(0, (length - side) // 2) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def middle_crops(manifest: Path) -> Tensor:
    """The middle of photographs: uint8 (N, 3, S, S), N <= CROPS, S a power of two.

    Args:
        manifest: of the photographs; only those that are used are read, one by one. Crops are as
            large as the largest photograph allows, up to SIDE; smaller ones are passed over.

    Raises:
        DatasetError: an image is missing or is not the one that the manifest names.
    """
    shorter = {row.image: min(row.height or 0, row.width or 0) for row in kept_rows(manifest)}
    side = 1 << (min(SIDE, max(shorter.values())).bit_length() - 1)
    chosen = spread([name for name, length in shorter.items() if length >= side], CROPS)
    crops = [middle(image, side) for _, image in kept_images(manifest, set(chosen))]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def validate(model: Model, crops: Tensor) -> dict[str, float]:
    """Means over crops: cross-entropy of all parts, in bits per sub-pixel; a lossy model's quality.

    Args:
        model: on any device.
        crops: uint8 (N, 3, H, W).

    Returns:
        "validation_bpsp", and the names of `Model.quality`, each after "validation_".
    """
    sums: dict[str, float] = defaultdict(float)
    for batch in crops.to(next(model.parameters()).device).split(_BATCH):
        sums["bpsp"] += float(sum(model.bits(batch).values())) / crops[0].numel()
        for name, each in model.quality(batch).items():
            sums[name] += float(each.sum())
    return {f"validation_{name}": total / len(crops) for name, total in sums.items()}
