"""Symbols and mixture parameters to measure with: a trained network's, or made up to be alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from coder import MixtureShape


@dataclass(frozen=True)
class Sample:
    """What a coder is given, and where it comes from.

    symbols: uint16 (height * width, C). parameters: float32 (height * width, P).
    """

    source: str
    shape: MixtureShape
    height: int
    width: int
    symbols: npt.NDArray[np.uint16]
    parameters: npt.NDArray[np.float32]


def rgb_shape(mixtures: int) -> MixtureShape:
    """The image under L3C's mixtures: three coupled channels, lambda a sigmoid (Eq. 7)."""
    return MixtureShape(channels=3, levels=256, mixtures=mixtures, coupled=True, sigmoid=True)


def synthetic(height: int, width: int, shape: MixtureShape, seed: int = 0) -> Sample:
    """Parameters as a trained network's: means near the symbol, sigma mostly 1 to 8 of 256 levels.

    The sharpness of the prediction varies from pixel to pixel as between sky and grass; about two
    of ten components carry most of the weight, and one in six is broad. Symbols follow the
    prediction, so that the cross-entropy is that of a calibrated model.
    """
    rng = np.random.default_rng(seed)
    pixels, c, k = height * width, shape.channels, shape.mixtures
    unit = shape.levels / 256
    x = rng.integers(0, shape.levels, (pixels, c))
    sigma = unit * np.exp(rng.uniform(0, np.log(8), (pixels, 1, 1)))
    off = rng.logistic(0, 0.8, (pixels, c, 1)) + rng.normal(0, 1.0, (pixels, c, k))
    mu = x[..., None] + sigma * off
    log_sigma = np.log(sigma) + rng.normal(0, 0.4, (pixels, c, k))
    log_sigma += np.where(rng.uniform(size=(pixels, c, k)) < 1 / 6, 1.5, 0.0)
    logits = rng.normal(0, 2, (pixels, c, k))
    lam = rng.normal(0, 1, (pixels, shape.coefficients, k))
    if shape.coupled:  # the means that the network gives lack what lambda adds
        values = 1 / (1 + np.exp(-lam)) if shape.sigmoid else lam
        row = 0
        for channel in range(c):
            for before in range(channel):
                mu[:, channel] -= values[:, row] * x[:, before, None]
                row += 1
    parameters = np.concatenate([logits, mu, log_sigma, lam], axis=1, dtype=np.float32)
    return Sample(
        f"synthetic {height}x{width}",
        shape,
        height,
        width,
        x.astype(np.uint16),
        np.ascontiguousarray(parameters.reshape(pixels, shape.parameters)),
    )


def of_network(weights: Path, image: Path, size: int = 512) -> Sample:
    """The parameters that a trained network gives an image's pixels (its top left part).

    Of an interlaced network they are those of its last stage, half of the pixels.
    """
    import torch
    from PIL import Image

    from l3c.models.pyramid_codec import as_pyramid_codec, parameters
    from l3c.models.zoo import open_codec

    codec = as_pyramid_codec(open_codec(weights, "cpu", "float"))
    with Image.open(image) as opened:
        pixels: npt.NDArray[Any] = np.asarray(opened.convert("RGB"))[:size, :size]
    height, width = pixels.shape[:2]
    with torch.inference_mode():
        planes = codec.symbols(pixels)
        *_, (_, predicted) = codec.predictions(planes)
    symbols = [target.select(planes[0])[0].flatten(1).T.numpy() for target, _ in predicted]
    count = sum(map(len, symbols))
    return Sample(
        f"{weights.stem} on {image.name} {height}x{width}",
        codec.model.shapes[0],
        count // width,
        width,
        np.concatenate(symbols).astype(np.uint16),
        parameters([raw for _, raw in predicted]),
    )
