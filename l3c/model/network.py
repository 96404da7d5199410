"""The networks: L3C, and the paper's baselines RGB and RGB Shared, behind one interface.

All three describe an image by a pyramid z^(0) = x, z^(1), ..., z^(S) and

    p(x, z^(1), ..., z^(S)) = p(z^(S)) * prod_s p(z^(s-1) | f^(s)),    f^(s) = D^(s)(z^(s), f^(s+1))

with a uniform p(z^(S)) (L3C Eq. 2). They differ in how z is made: L3C learns it, RGB and RGB Shared
downsample the image. Interlaced networks predict the pixels of a scale in three stages instead of
all at once (`l3c.model.stages`). A coder needs only `bottlenecks`, `stages`, `predict` and `shape`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from coder.shape import MixtureShape
from coder.tables import LOG_SIGMA_MIN
from l3c.config import ModelSettings
from l3c.model import mixture
from l3c.model.extractor import Extractor
from l3c.model.head import ProbabilityClassifier
from l3c.model.predictor import Predictor
from l3c.model.quantizer import quantize, to_values
from l3c.model.stages import Stage, finest, make_stages

# Of the outputs for logits and log sigma, in the "unit" parametrisation: an optimiser that moves
# every weight alike must be slow for means that are right to 1 in 255; these would not follow.
OUTPUT_GAIN = 40.0
RGB_MEAN = (255 * 0.4488, 255 * 0.4371, 255 * 0.4040)  # of Open Images, as published


@dataclass(frozen=True)
class Bottleneck:
    """z^(s): symbols int64 (N, C, H, W), and their values float32 (N, C, H, W)."""

    symbols: Tensor
    values: Tensor


class Network(nn.Module):
    """L3C, RGB or RGB Shared, by `settings.kind`.

    Args:
        settings: shape and parametrisation.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.scales = settings.scales
        self.stages = make_stages(
            settings.scales,
            interlaced=settings.interlaced,
            shared=settings.kind == "rgb_shared",
        )
        features, blocks = settings.features, settings.blocks
        self.extractors = nn.ModuleList(
            Extractor(3 if s == 1 else features, features, blocks, settings.bottleneck)
            for s in range(1, self.scales + 1)
            if settings.kind == "l3c"
        )
        self.predictors = nn.ModuleList(
            Predictor(self.seen_shape(stage).channels, features, blocks, stage.upsample)
            for stage in finest(self.stages, lambda stage: (stage.predictor,))
        )
        self.classifiers = nn.ModuleList(
            ProbabilityClassifier(
                features,
                settings.dilations,
                self.shape(stage.s - 1),
                *self._units(stage.s - 1),
                settings.channel_coefficients == "centred",
            )
            for stage in finest(self.stages, lambda stage: stage.classifiers)
        )
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)

    mean: Tensor

    def seen_shape(self, stage: Stage) -> MixtureShape:
        """Channels and levels of what a stage is the first to see."""
        return self.shape(stage.source_scale)

    def shape(self, s: int) -> MixtureShape:
        """What the mixture of z^(s) describes; its channels and levels also hold for z^(S)."""
        if s == 0 or self.settings.kind != "l3c":
            sigmoid = self.settings.channel_coefficients == "sigmoid"
            return MixtureShape(3, 256, self.settings.mixtures, coupled=True, sigmoid=sigmoid)
        return MixtureShape(self.settings.bottleneck, self.settings.levels, self.settings.mixtures)

    def _units(self, s: int) -> tuple[float, float, float, float]:
        """Of z^(s): unit and zero of the network's means, gain of the rest, least log sigma.

        All in symbols. The paper's least log sigma is that of the network's own unit.
        """
        half = (self.shape(s).levels - 1) / 2
        if self.settings.parametrization == "unit":
            return half, half, OUTPUT_GAIN, LOG_SIGMA_MIN
        unit, zero = (1.0, 0.0) if self.shape(s).coupled else (half, half)
        return unit, zero, 1.0, LOG_SIGMA_MIN + math.log(unit)

    def bottlenecks(self, images: Tensor) -> list[Bottleneck]:
        """z^(1), ..., z^(S) of a batch.

        Args:
            images: uint8 (N, 3, H, W); H and W divisible by 2^S.
        """
        if self.settings.kind == "l3c":
            return self._learned_bottlenecks(images)
        scale = images
        pyramid: list[Bottleneck] = []
        for _ in range(self.scales):
            scale = downsample(scale)
            pyramid.append(Bottleneck(scale.long(), self.values(len(pyramid) + 1, scale)))
        return pyramid

    def _learned_bottlenecks(self, images: Tensor) -> list[Bottleneck]:
        if self.settings.parametrization == "paper":
            features = (images.float() - self.mean) / 128
        else:
            features = images.float() / 127.5 - 1
        features = features.contiguous(memory_format=torch.channels_last)
        pyramid = []
        for extractor in self.extractors:
            features, z = extractor(features)
            values, symbols = quantize(z, self.settings.levels)
            pyramid.append(Bottleneck(symbols, values))
        return pyramid

    def values(self, s: int, symbols: Tensor) -> Tensor:
        """What a predictor is fed for symbols of z^(s): float32, same shape."""
        if s > 0 and self.settings.kind == "l3c":
            return to_values(symbols, self.settings.levels)
        if self.settings.parametrization == "unit":
            return symbols.float() / 127.5 - 1
        return symbols.float() - self.mean

    def predict(
        self, stage: Stage, values: Tensor, above: Tensor | None
    ) -> tuple[list[Tensor], Tensor | None]:
        """Mixture parameters of a stage's targets, and the features for the next stage.

        Args:
            stage: one of `stages`.
            values: of what it is the first to see, `stage.seen`, float32 (N, C, H, W).
            above: features that the stage before gave; None at the first.

        Returns:
            Raw parameters (N, P, H', W') for each target, see `ProbabilityClassifier`: H' = 2H if
            it is all pixels of z^(s-1), else H' = H. And the features (N, Cf, H', W'), or None
            where the next stage is of a scale that shares none.
        """
        f = self.predictors[stage.predictor](values, above)
        raws = [self.classifiers[index](f) for index in stage.classifiers]
        return raws, f if stage.hands_on else None

    def split(self, s: int, raw: Tensor) -> mixture.Mixture:
        """The raw parameters of z^(s) by kind."""
        return mixture.split(raw, self.shape(s))

    def bits(self, images: Tensor) -> list[Tensor]:
        """Cross-entropy by scale, z^(0), ..., z^(S), each summed over the batch, in bits.

        Args:
            images: uint8 (N, 3, H, W); H and W divisible by 2^S.
        """
        pyramid = self.bottlenecks(images)
        top = pyramid[-1].symbols.numel() * math.log2(self.shape(self.scales).levels)
        return [*self.coded_bits(images, pyramid, self.scales), torch.tensor(top)]

    def training_bits(self, images: Tensor) -> Tensor:
        """The loss, in bits: all scales but the uniform one; RGB Shared learns from z^(0) alone."""
        scales = 1 if self.settings.kind == "rgb_shared" else self.scales
        return torch.stack(self.coded_bits(images, self.bottlenecks(images), scales)).sum()

    def coded_bits(self, images: Tensor, pyramid: list[Bottleneck], scales: int) -> list[Tensor]:
        """Cross-entropy of z^(0), ..., z^(scales - 1)."""
        values = [self.values(0, images), *(bottleneck.values for bottleneck in pyramid)]
        bits = [torch.zeros((), device=images.device) for _ in range(scales)]
        above = None
        for stage in self.stages:
            if stage.s > scales:
                continue
            s = stage.s - 1
            raws, above = self.predict(stage, stage.seen(values), above)
            levels = self.shape(s).levels
            if s == 0:
                plane = images.float()
            elif self.settings.kind == "l3c":  # values, not symbols: they carry the gradient to z
                plane = (pyramid[s - 1].values + 1) * ((levels - 1) / 2)
            else:
                plane = pyramid[s - 1].symbols.float()
            for target, raw in zip(stage.targets, raws, strict=True):
                nats = mixture.negative_log_likelihood(target.of(plane), self.split(s, raw), levels)
                bits[s] = bits[s] + nats.sum() / math.log(2)
        return bits


def downsample(images: Tensor) -> Tensor:
    """Pillow's bicubic by 2 with rounding: uint8 (N, 3, H, W) -> uint8 (N, 3, H/2, W/2)."""
    n, _, height, width = images.shape
    array = images.permute(0, 2, 3, 1).cpu().numpy()
    out = np.empty((n, height // 2, width // 2, 3), np.uint8)
    for i in range(n):
        full = Image.fromarray(np.ascontiguousarray(array[i]))
        out[i] = np.asarray(full.resize((width // 2, height // 2), Image.Resampling.BICUBIC))
    return torch.from_numpy(out).permute(0, 3, 1, 2).to(images.device)
