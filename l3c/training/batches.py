"""Random crops for training, a function of seed and step alone: a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from l3c.config import TrainSettings
from l3c.training.errors import TrainingError


class Crops:
    """Draws batches from images held in memory: a crop of an image, flipped and turned.

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

    def batch(self, step: int) -> tuple[Tensor, list[str]]:
        """Of a step: uint8 (N, 3, crop, crop), and the names of the images it came from."""
        settings = self.settings
        rng = np.random.default_rng([settings.seed, step])
        crops = np.empty((settings.batch, settings.crop, settings.crop, 3), np.uint8)
        names = []
        for i in range(settings.batch):
            name = self.names[rng.integers(len(self.names))]
            image = self.images[name]
            top = rng.integers(image.shape[0] - settings.crop + 1)
            left = rng.integers(image.shape[1] - settings.crop + 1)
            crop = image[top : top + settings.crop, left : left + settings.crop]
            if rng.integers(2):
                crop = crop[:, ::-1]
            if settings.rotate:
                crop = np.rot90(crop, int(rng.integers(4)))
            crops[i] = crop
            names.append(name)
        return torch.from_numpy(crops).permute(0, 3, 1, 2), names
