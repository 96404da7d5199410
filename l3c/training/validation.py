"""Validation: what a network costs on fixed crops of photographs that it is not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from l3c.data.manifest import kept_images, read_manifest
from l3c.models.base import Model
from l3c.training.errors import TrainingError

SIDE = 128  # of the crops in pixels, at most
CROPS = 64  # at most so many, spread over the photographs
_BATCH = 8


def middle_crops(manifest: Path) -> Tensor:
    """The middle of photographs: uint8 (N, 3, S, S), N <= CROPS, S a power of two.

    Args:
        manifest: of the photographs, of which only those that are used are read, one by one. Crops
            are as large as the largest of them allows, up to SIDE; those that are smaller are
            passed over.

    Raises:
        TrainingError: no image.
        DatasetError: an image is missing or is not the one that the manifest names.
    """
    shorter = {
        row.image: min(row.height or 0, row.width or 0)
        for row in read_manifest(manifest)
        if row.status == "kept"
    }
    if not shorter:
        raise TrainingError("no photograph to validate on")
    side = 1 << (min(SIDE, max(shorter.values())).bit_length() - 1)
    fit = [name for name, length in shorter.items() if length >= side]
    count = min(CROPS, len(fit))
    crops = []
    for _, image in kept_images(manifest, {fit[i * len(fit) // count] for i in range(count)}):
        top, left = ((length - side) // 2 for length in image.shape[:2])
        crops.append(image[top : top + side, left : left + side].transpose(2, 0, 1).copy())
    return torch.from_numpy(np.stack(crops))


@torch.no_grad()
def validation_bpsp(model: Model, crops: Tensor) -> float:
    """Cross-entropy of all parts, in bits per sub-pixel.

    Args:
        model: on any device.
        crops: uint8 (N, 3, H, W).
    """
    device = next(model.parameters()).device
    batches = crops.split(_BATCH)
    bits = sum(float(sum(model.bits(batch.to(device)).values())) for batch in batches)
    return bits / crops.numel()
