"""Random crops for training, a function of seed and step alone: a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from l3c.recipe import TrainSettings
from l3c.training.errors import TrainingError


class Crops:
    """Draws batches from images, which may be mapped into memory: a crop, flipped and turned.

    Args:
        images: name -> uint8 (H, W, 3).
        settings: crop, batch, rotate and seed are used.

    Raises:
        TrainingError: no image, or one that is smaller than the crop.
    """

    def __init__(
        self, images: Mapping[str, npt.NDArray[np.uint8]], settings: TrainSettings
    ) -> None:
        if not images:
            raise TrainingError("no image to train on")
        for name, image in images.items():
            if min(image.shape[:2]) < settings.crop:
                raise TrainingError(
                    f"{name}: {image.shape[0]}x{image.shape[1]} pixels, smaller than the crop of "
                    f"{settings.crop}; set a smaller train.crop or a larger prepare.min_side"
                )
        self.names = sorted(images)
        self.images = images
        self.settings = settings

    def batch(self, step: int, share: range | None = None) -> tuple[Tensor, list[str]]:
        """Of a step: uint8 (N, 3, crop, crop), and the names of the images it came from.

        Args:
            step: 0-based.
            share: which crops of the batch to take; all by default.
        """
        settings = self.settings
        share = range(settings.batch) if share is None else share
        rng = np.random.default_rng([settings.seed, step])
        crops = np.empty((len(share), settings.crop, settings.crop, 3), np.uint8)
        names: list[str] = []
        for i in range(settings.batch):  # all of them, so that the share does not change them
            name = self.names[rng.integers(len(self.names))]
            image = self.images[name]
            top = rng.integers(image.shape[0] - settings.crop + 1)
            left = rng.integers(image.shape[1] - settings.crop + 1)
            flip = rng.integers(2)
            turn = int(rng.integers(4)) if settings.rotate else 0
            if i not in share:
                continue
            crop = image[top : top + settings.crop, left : left + settings.crop]
            if flip:
                crop = crop[:, ::-1]
            crops[len(names)] = np.rot90(crop, turn)
            names.append(name)
        return torch.from_numpy(crops).permute(0, 3, 1, 2), names
