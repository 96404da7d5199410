"""Validation: what a network costs on fixed crops of photographs that it is not trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from l3c.model.network import Network
from l3c.training.errors import TrainingError

SIDE = 128  # of the crops in pixels
CROPS = 64  # at most so many, spread over the photographs
_BATCH = 8


def middle_crops(images: Iterable[tuple[str, npt.NDArray[np.uint8]]]) -> Tensor:
    """The middle of photographs: uint8 (N, 3, SIDE, SIDE), N <= CROPS.

    Args:
        images: name and uint8 (H, W, 3); those that are smaller than a crop are passed over.

    Raises:
        TrainingError: all are.
    """
    crops = []
    for _, image in images:
        top, left = ((side - SIDE) // 2 for side in image.shape[:2])
        if top >= 0 and left >= 0:
            crops.append(image[top : top + SIDE, left : left + SIDE].transpose(2, 0, 1).copy())
    if not crops:
        raise TrainingError(f"no photograph of {SIDE}x{SIDE} pixels to validate on")
    count = min(CROPS, len(crops))
    chosen = [crops[i * len(crops) // count] for i in range(count)]
    return torch.from_numpy(np.stack(chosen))


@torch.no_grad()
def validation_bpsp(network: Network, crops: Tensor) -> float:
    """Cross-entropy of all scales, the uniform one included, in bits per sub-pixel.

    Args:
        network: on any device.
        crops: uint8 (N, 3, H, W).
    """
    device = network.mean.device
    bits = sum(float(sum(network.bits(batch.to(device)))) for batch in crops.split(_BATCH))
    return bits / crops.numel()
