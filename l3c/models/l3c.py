"""L3C and the baselines of its paper, RGB and RGB Shared (Mentzer et al., CVPR 2019).

An image x is described by bottlenecks z^(1), ..., z^(S) of half the resolution each (Fig. 2):

    E^(s): features of scale s-1 -> features of scale s, and z^(s) = Q(...)     L3C only
    D^(s): z^(s), f^(s+1) -> f^(s), at the resolution of z^(s-1)
    p(z^(s-1) | f^(s)): a mixture of discretized logistics for each symbol, all at once

L3C learns z with the rest. RGB and RGB Shared have the image itself, downsampled, in its place;
RGB Shared applies one predictor, trained on the finest scale, at every scale. docs/paper_to_code.md
lists the paper's symbols.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
import torch
from PIL import Image
from pydantic import Field, model_validator
from torch import Tensor, nn

from coder.shape import MixtureShape
from l3c.models.pyramid import PyramidModel
from l3c.nn import start
from l3c.nn.layers import ResidualStack, conv
from l3c.nn.pyramid import Bottleneck, PyramidSettings
from l3c.nn.quantizer import quantize, to_values
from l3c.nn.steps import ALL, Group, make_steps

RGB_MEAN = (255 * 0.4488, 255 * 0.4371, 255 * 0.4040)  # of Open Images, as published
RGB_SCALE = 128  # L3C's first head divides by it


class L3CSettings(PyramidSettings):
    """Shape and parametrisation; the defaults are the paper's L3C."""

    kind: Literal["l3c", "rgb", "rgb_shared"] = Field(
        "l3c", description="L3C, or the paper's baselines RGB and RGB Shared"
    )
    bottleneck: int = Field(5, ge=3, le=31, description="C, channels of z")
    levels: int = Field(25, ge=2, le=255, description="L, levels of the quantizer of z")
    parametrization: Literal["paper", "unit"] = Field(
        "paper",
        description="paper: images enter less their mean, mixture means leave in pixel values; "
        "unit: both in (x - 127.5) / 127.5, logits and log sigma multiplied by 40",
    )
    initialization: Literal["default", "pyramid"] = Field(
        "default",
        description="default: PyTorch's; pyramid: z starts as luma and colour of every fourth "
        "pixel, and every mixture centred on their bilinear interpolation",
    )
    input_map: Literal["nominal", "stored"] = Field(
        "nominal",
        exclude_if=lambda value: value == "nominal",  # the paper's own models have either
        description="of L3C's encoder: nominal subtracts the mean and scales; stored applies 12 "
        "numbers that are kept with the weights, as in the authors' released models",
    )

    @model_validator(mode="after")
    def _needs_an_encoder(self) -> Self:
        if self.input_map == "stored" and self.kind != "l3c":
            raise ValueError(f"input_map stored: kind {self.kind} has no encoder")
        return self


class Extractor(nn.Module):
    """E^(s): strided convolution, residual stack, and the 1x1 convolution to the bottleneck.

    Args:
        inputs: channels of the input: 3 for the image (s = 1), Cf for the features of scale s-1.
        features: Cf.
        blocks: residual blocks.
        channels: C, channels of z.
    """

    def __init__(self, inputs: int, features: int, blocks: int, channels: int) -> None:
        super().__init__()
        self.head = conv(inputs, features)
        self.down = conv(features, features, kernel=5, stride=2)
        self.stack = ResidualStack(features, blocks)
        self.to_z = conv(features, channels, kernel=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, inputs, H, W) -> features (N, Cf, H/2, W/2) and unquantized z (N, C, H/2, W/2)."""
        features = self.stack(self.down(self.head(x)))
        return features, self.to_z(features)


class L3C(PyramidModel):
    """L3C, RGB or RGB Shared, by `settings.kind`.

    Attributes:
        mean: of R, G and B, float32 (1, 3, 1, 1).
        input_weight: float32 (3, 3, 1, 1), and
        input_bias: float32 (3,): with `input_map` "stored", E^(1) gets weight x + bias.
    """

    family: ClassVar[str] = "l3c"
    Settings: ClassVar[type[L3CSettings]] = L3CSettings
    mean: Tensor
    input_weight: Tensor
    input_bias: Tensor

    def __init__(self, settings: L3CSettings) -> None:
        colors = MixtureShape(
            3,
            256,
            settings.mixtures,
            coupled=True,
            sigmoid=settings.channel_coefficients == "sigmoid",
        )
        z = MixtureShape(settings.bottleneck, settings.levels, settings.mixtures)
        learned = settings.kind == "l3c"
        shared = settings.kind == "rgb_shared"
        super().__init__(
            settings,
            make_steps(settings.scales, [Group((ALL,))], shared=shared, upsample="after"),
            [colors, *[z if learned else colors] * settings.scales],
            unit=settings.parametrization == "unit",
        )
        self.settings: L3CSettings = settings
        self.trained_scales = 1 if shared else None
        self.extractors = nn.ModuleList(
            Extractor(
                3 if s == 1 else self.features, self.features, self.blocks, settings.bottleneck
            )
            for s in range(1, self.scales + 1)
            if learned
        )
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        if settings.input_map == "stored":  # buffers: no optimiser changes them
            self.register_buffer("input_weight", torch.eye(3).view(3, 3, 1, 1) / RGB_SCALE)
            self.register_buffer("input_bias", -torch.tensor(RGB_MEAN) / RGB_SCALE)

    @property
    def learned(self) -> bool:
        """Whether z is learned."""
        return self.settings.kind == "l3c"

    def bottlenecks(self, images: Tensor) -> list[Bottleneck]:
        """z^(1), ..., z^(S) of images uint8 (N, 3, H, W), H and W divisible by 2^S."""
        pyramid: list[Bottleneck] = []
        if self.learned:
            features = self._normalized(images).contiguous(memory_format=torch.channels_last)
            for extractor in self.extractors:
                features, z = extractor(features)
                values, symbols = quantize(z, self.settings.levels)
                pyramid.append(Bottleneck(symbols, values))
            return pyramid
        scale = images
        for s in range(1, self.scales + 1):
            scale = downsample(scale)
            pyramid.append(Bottleneck(scale.long(), self.values(s, scale)))
        return pyramid

    def _normalized(self, images: Tensor) -> Tensor:
        """The input of E^(1)."""
        if self.settings.input_map == "stored":
            return nn.functional.conv2d(images.float(), self.input_weight, self.input_bias)
        if self.settings.parametrization == "unit":
            return images.float() / 127.5 - 1
        return (images.float() - self.mean) / RGB_SCALE

    def values(self, s: int, symbols: Tensor) -> Tensor:
        """The input of D^(s) for symbols of z^(s): float32, same shape."""
        if s > 0 and self.learned:
            return to_values(symbols, self.settings.levels)
        if self.settings.parametrization == "unit":
            return symbols.float() / 127.5 - 1
        return symbols.float() - self.mean

    def differentiable_symbols(self, s: int, bottleneck: Bottleneck) -> Tensor:
        """Symbols of z^(s): made of its values where it is learned, which carry its gradient."""
        if self.learned:
            return (bottleneck.values + 1) * ((self.settings.levels - 1) / 2)
        return super().differentiable_symbols(s, bottleneck)

    def initialize(self, seed: int) -> None:
        """See `Model`.

        Raises:
            ValueError: start "pyramid" with the paper's parametrisation.
        """
        super().initialize(seed)
        if self.settings.initialization == "pyramid":
            if self.settings.parametrization != "unit":
                raise ValueError('initialization "pyramid" needs parametrization "unit"')
            _start_as_interpolation(self)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Predictors with their classifiers, and extractors."""
        decoder = [*self.predictors.parameters(), *self.classifiers.parameters()]
        extractors = [*self.extractors.parameters()]
        return {"decoder": decoder} | ({"extractors": extractors} if extractors else {})


FAMILY = L3C


def downsample(images: Tensor) -> Tensor:
    """Pillow's bicubic by 2 with rounding: uint8 (N, 3, H, W) -> uint8 (N, 3, H/2, W/2)."""
    n, _, height, width = images.shape
    array = images.permute(0, 2, 3, 1).cpu().numpy()
    out = np.empty((n, height // 2, width // 2, 3), np.uint8)
    for i in range(n):
        full = Image.fromarray(np.ascontiguousarray(array[i]))
        out[i] = np.asarray(full.resize((width // 2, height // 2), Image.Resampling.BICUBIC))
    return torch.from_numpy(out).permute(0, 3, 1, 2).to(images.device)


@torch.no_grad()
def _start_as_interpolation(network: L3C) -> None:
    """Start "pyramid": see `l3c.nn.start`.

    Extractors: channels 0..2 of the features carry R, G, B of every second pixel of every second
    row; z holds their luma and two colour differences. Predictors: channels 3..5 carry R, G, B
    again; upsampling interpolates them bilinearly into channels 0..2 of f, and channel 8 marks the
    positions that z was sampled from. If z were the mean of four pixels, the mean would be paid for
    twice, in z and in the four; a sampled pixel that z knows is nearly free where it comes again.
    """
    start.noise(network)
    for module in network.modules():
        if isinstance(module, Extractor):
            _start_extractor(module)
    for step in start.owners(network):
        predictor, classifiers = start.modules_of(network, step)
        start.start_predictor(predictor, network.learned)
        for classifier in classifiers:
            start.start_classifier(
                classifier,
                start.alone(1, 1)[None],
                "marked" if network.learned else "nowhere",
                start.luma_and_colour(),
            )


def _start_extractor(extractor: Extractor) -> None:
    start.see_contrast(extractor.head.weight, start.CONTRAST_IMAGE)
    extractor.head.weight[:3] = 0
    extractor.down.weight[:3] = 0
    for c in range(3):
        start.identity(extractor.head, c, c)
        start.identity(extractor.down, c, c)  # pixel 2i
    z = extractor.to_z.weight
    z[:3] = 0
    z[3:] *= start.Z_DAMPING
    z[:3, :3, 0, 0] = start.luma_and_colour()
