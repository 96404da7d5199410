"""Pixel by pixel: each predicted from the neighbours above and to the left, by a small network.

A family in one file, as docs/add_a_model.md explains it. It has no integers: files are decoded with
the floating point that they were encoded with, to the same pixels or to an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from coder import MixtureShape, RangeDecoder, RangeEncoder
from l3c.models.base import Model, TorchTileCodec
from l3c.models.tile_codec import RGB
from l3c.nn import mixture
from l3c.settings import FrozenSettings
from l3c.threads import torch_threads

LEVELS = 256


class AutoregressiveSettings(FrozenSettings):
    hidden: int = Field(24, ge=1, description="channels of the hidden layer")
    mixtures: int = Field(2, ge=1, le=64, description="K, logistics of each mixture")


class Autoregressive(Model):
    family: ClassVar[str] = "autoregressive"
    Settings: ClassVar[type[AutoregressiveSettings]] = AutoregressiveSettings

    def __init__(self, settings: AutoregressiveSettings) -> None:
        super().__init__()
        self.settings = settings
        self.shape = MixtureShape(3, LEVELS, settings.mixtures, coupled=True)
        self.hidden = nn.Conv2d(12, settings.hidden, 1)
        self.out = nn.Conv2d(settings.hidden, self.shape.parameters, 1)

    def forward(self, bordered: Tensor) -> Tensor:
        """Pixels with a border, float32 (N, 3, H + 1, W + 2) -> parameters (N, P, H, W)."""
        height, width = bordered.shape[2] - 1, bordered.shape[3] - 2
        corners = ((1, 0), (0, 0), (0, 1), (0, 2))  # of the left, upper left, upper, upper right
        before = [bordered[:, :, y : y + height, x : x + width] for y, x in corners]
        out = self.out(torch.relu(self.hidden(torch.cat(before, 1) / 127.5 - 1)))
        logits, mu, log_sigma, lam = out.chunk(4, 1)  # (N, 3 K, H, W) each
        mu = 16 * mu + before[0].repeat_interleave(self.shape.mixtures, 1)  # left: a first guess
        params = torch.cat([logits, mu, log_sigma + 2, lam], 1)
        return mixture.limit(params, *mixture.limits(self.shape, params.device))

    def nats(self, images: Tensor) -> Tensor:
        """-log p of each sub-pixel: uint8 (N, 3, H, W) -> float32 (N, H, W, 3)."""
        params = mixture.split(self(border(images)), self.shape)
        return mixture.negative_log_likelihood(images.float(), params, LEVELS)

    def loss(self, images: Tensor) -> dict[str, Tensor]:
        return {"x": self.nats(images).sum() / math.log(2)}

    def codec(self, device: str = "cpu", integers: object = None) -> AutoregressiveCodec:
        return AutoregressiveCodec(self, device)


class AutoregressiveCodec(TorchTileCodec[Autoregressive]):
    def _predictions(self, known: Tensor) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
        """Row, column and parameters (P,) of each pixel; `known` is filled on the way."""
        with torch_threads(1):
            for y in range(known.shape[2] - 1):
                for x in range(known.shape[3] - 2):
                    params = self.model(known[:, :, y : y + 2, x : x + 3])
                    yield y, x, params.flatten().cpu().numpy()

    def encode(self, tile: RGB) -> list[bytes]:
        encoder = RangeEncoder()
        for y, x, params in self._predictions(border(self.images(tile))):
            encoder.encode_mixture(tile[y, x], params, self.model.shape)
        return [encoder.finish()]

    def decode(self, streams: list[bytes], height: int, width: int) -> RGB:
        decoder, tile = RangeDecoder(streams[0]), np.zeros((height, width, 3), np.uint8)
        known = border(self.images(tile))
        for y, x, params in self._predictions(known):
            tile[y, x] = decoder.decode_mixture(params, self.model.shape)
            known[0, :, y + 1, x + 1] = torch.from_numpy(tile[y, x]).to(self.device)
        decoder.finish()
        return tile

    def symbol_bits(self, tile: RGB) -> dict[str, NDArray[np.float64]]:
        nats = mixture.with_probability_floor(self.model.nats(self.images(tile)), LEVELS)
        return {"x": nats[0].permute(2, 0, 1).cpu().numpy() / math.log(2)}


def border(images: Tensor) -> Tensor:
    """(N, 3, H, W) -> float32 (N, 3, H + 1, W + 2), black above, to the left and to the right."""
    return nn.functional.pad(images.float(), (1, 1, 1, 0))


FAMILY = Autoregressive
