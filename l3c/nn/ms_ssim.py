"""MS-SSIM (Wang, Simoncelli and Bovik, 2003) as CPM trains with it and as it is evaluated.

Both kinds agree down to 11 pixels at the fifth level. They differ where libraries give up: at
smaller sides, such as the 10 pixels that are left of a crop of 160.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the five levels
MIN_SIDE = 1 << (len(WEIGHTS) - 1)
TAPS, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
LEAST = 1e-4  # of a factor: powers of 0 have no gradient, and those of less no value


def ms_ssim(x: Tensor, y: Tensor, *, training: bool = False) -> Tensor:
    """Similarity of two batches of images, at most 1: all means are over the whole batch.

    Args:
        x: float (N, C, H, W), 0..255, sides of at least 16.
        y: the other batch, alike.
        training: the kind in CPM's loss, whose windows have an odd number of taps at any size.

    Returns:
        (), differentiable; contrast terms below 1e-4, as of unrelated images, count as that.

    Raises:
        ValueError: shapes that differ, or sides too short.
    """
    if x.shape != y.shape or min(x.shape[2:]) < MIN_SIDE:
        raise ValueError(
            f"expected two batches of one shape, sides of {MIN_SIDE} or more; got "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )
    total = x.new_ones(())
    for level, weight in enumerate(WEIGHTS):
        if level:
            x, y = _halved(x, training), _halved(y, training)
        luminance, contrast = _terms(x, y, training)
        last = level + 1 == len(WEIGHTS)
        term = (luminance * contrast).mean() if last else contrast.mean()
        total = total * term.clamp(min=LEAST) ** weight
    return total


def _terms(x: Tensor, y: Tensor, training: bool) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast times structure, wherever the window fits."""
    channels, size = x.shape[1], min(TAPS, *x.shape[2:])
    taps = 2 * (size // 2) + 1 if training else size
    place = torch.arange(taps, dtype=x.dtype, device=x.device) - (taps - 1) / 2
    window = torch.exp(-0.5 * (place * TAPS / (SIGMA * size)) ** 2)
    window = (window / window.sum()).expand(channels, 1, taps)

    def blur(image: Tensor) -> Tensor:
        if taps > size:
            image = F.pad(image, (1, 0, 1, 0), "reflect")
        rows = F.conv2d(image, window[..., None], groups=channels)
        return F.conv2d(rows, window[..., None, :], groups=channels)

    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return luminance, (2 * covariance + C2) / (var_x + var_y + C2)


def _halved(image: Tensor, training: bool) -> Tensor:
    """Means of 2x2; the last of an odd side with the one before (training) or with itself."""
    height, width = image.shape[2:]
    if height % 2 or width % 2:
        mode = "reflect" if training else "replicate"
        image = F.pad(image, (0, width % 2, 0, height % 2), mode)
    return F.avg_pool2d(image, 2)
