"""Validation: what a network costs on fixed crops of photographs that it is not trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from l3c.model.network import Network
from l3c.training.errors import TrainingError

SIDE = 128  # of the crops in pixels, at most
CROPS = 64  # at most so many, spread over the photographs
_BATCH = 8


def middle_crops(images: Iterable[tuple[str, npt.NDArray[np.uint8]]]) -> Tensor:
    """The middle of photographs: uint8 (N, 3, S, S), N <= CROPS, S a power of two.

    Args:
        images: name and uint8 (H, W, 3). Crops are as large as the largest of them allows, up to
            SIDE; those that are smaller are passed over.

    Raises:
        TrainingError: no image.
    """
    kept = [image for _, image in images]
    if not kept:
        raise TrainingError("no photograph to validate on")
    shortest = min(SIDE, max(min(image.shape[:2]) for image in kept))
    side = 1 << (shortest.bit_length() - 1)
    crops = []
    for image in kept:
        top, left = ((length - side) // 2 for length in image.shape[:2])
        if top >= 0 and left >= 0:
            crops.append(image[top : top + side, left : left + side].transpose(2, 0, 1).copy())
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
