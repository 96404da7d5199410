"""L3C and the baselines of its paper, RGB and RGB Shared (Mentzer et al., CVPR 2019).

An image x is described by bottlenecks z^(1), ..., z^(S) of half the resolution each (Fig. 2):

    E^(s): features of scale s-1 -> features of scale s, and z^(s) = Q(...)     L3C only
    D^(s): z^(s), f^(s+1) -> f^(s), at the resolution of z^(s-1)
    p(z^(s-1) | f^(s)): a mixture of discretized logistics for each symbol, all at once

L3C learns z with the rest. RGB and RGB Shared have the image itself, downsampled, in its place;
RGB Shared applies one predictor, trained on the finest scale, at every scale.

Here are E, Q and the pyramids; D and the mixture's classifier are in `l3c.nn.layers`, the mixture
in `l3c.nn.mixture`, the loss in `l3c.models.pyramid`. docs/paper_to_code.md lists all symbols.
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
from l3c.nn.layers import Conv, Predictor, ProbabilityClassifier, ResidualStack
from l3c.nn.pyramid import PyramidSettings, make_steps

RGB_MEAN = (255 * 0.4488, 255 * 0.4371, 255 * 0.4040)  # of Open Images, as published
RGB_SCALE = 128  # L3C's first head divides by it
SOFTNESS = 2.0  # sigma_q of the soft assignment (Sec. 3.2)


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


def quantize(z: Tensor, levels: int) -> Tensor:
    """Q: the nearest level forward, the gradient of the soft assignment backward (Sec. 3.2).

    Args:
        z: float (N, C, H, W), any value; levels are evenly spaced on [-1, 1].
        levels: L >= 2.

    Returns:
        Symbols in 0..L-1, float32 (N, C, H, W), inverse of `to_values`: values made of them carry
        the gradient of sum_l level_l softmax_l(-sigma_q (z - level_l)^2).
    """
    z = z.float()  # in bfloat16, which autocast gives, many halves would fall on even levels
    symbols = torch.round((z.detach().clamp(-1, 1) + 1) * ((levels - 1) / 2))
    if not (torch.is_grad_enabled() and z.requires_grad):
        return symbols
    centres = to_values(torch.arange(levels, device=z.device), levels)
    distance = z.unsqueeze(-1) - centres
    soft = (torch.softmax(-SOFTNESS * distance**2, dim=-1) * centres).sum(-1)
    return symbols + (soft - soft.detach()) * ((levels - 1) / 2)


def to_values(symbols: Tensor, levels: int) -> Tensor:
    """Value of each symbol, float32 on [-1, 1]; the one place where levels become numbers."""
    return symbols.to(torch.float32) * (2 / (levels - 1)) - 1


def downsample(images: Tensor) -> Tensor:
    """Pillow's bicubic by 2 with rounding: uint8 (N, 3, H, W) -> uint8 (N, 3, H/2, W/2)."""
    n, _, height, width = images.shape
    out = np.empty((n, height // 2, width // 2, 3), np.uint8)
    for i, image in enumerate(images.permute(0, 2, 3, 1).cpu().numpy()):
        full = Image.fromarray(np.ascontiguousarray(image))
        out[i] = np.asarray(full.resize((width // 2, height // 2), Image.Resampling.BICUBIC))
    return torch.from_numpy(out).permute(0, 3, 1, 2).to(images.device)


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
        self.head = Conv(inputs, features)
        self.down = Conv(features, features, kernel=5, stride=2)
        self.stack = ResidualStack(features, blocks)
        self.to_z = Conv(features, channels, kernel=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, inputs, H, W) -> features (N, Cf, H/2, W/2) and unquantized z (N, C, H/2, W/2)."""
        features = self.stack(self.down(self.head(x)))
        return features, self.to_z(features)


class L3C(PyramidModel):
    """L3C, RGB or RGB Shared, by `settings.kind`.

    Attributes:
        learned: whether z is learned.
        mean: of R, G and B, float32 (1, 3, 1, 1).
        input_weight: float32 (3, 3, 1, 1), and
        input_bias: float32 (3,): with `input_map` "stored", E^(1) gets weight x + bias.
    """

    family: ClassVar[str] = "l3c"
    Settings: ClassVar[type[L3CSettings]] = L3CSettings
    settings: L3CSettings
    mean: Tensor
    input_weight: Tensor
    input_bias: Tensor

    def __init__(self, settings: L3CSettings) -> None:
        scales, features, channels = settings.scales, settings.features, settings.bottleneck
        learned = settings.kind == "l3c"
        shared = settings.kind == "rgb_shared"
        z = MixtureShape(channels, settings.levels, settings.mixtures)
        super().__init__(
            settings,
            make_steps(scales, shared=shared),
            [settings.colours(), *[z if learned else settings.colours()] * scales],
            unit=settings.parametrization == "unit",
            shared=shared,
        )
        self.learned = learned
        self.extractors = nn.ModuleList(
            Extractor(3 if s == 1 else features, features, settings.blocks, channels)
            for s in range(1, scales + 1 if learned else 1)
        )
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        if settings.input_map == "stored":  # buffers: no optimiser changes them
            self.register_buffer("input_weight", torch.eye(3).view(3, 3, 1, 1) / RGB_SCALE)
            self.register_buffer("input_bias", -torch.tensor(RGB_MEAN) / RGB_SCALE)

    def symbols(self, images: Tensor) -> list[Tensor]:
        """See `PyramidModel`; H and W divisible by 2^S."""
        symbols = [images.float()]
        if self.learned:
            features = self._normalized(images).contiguous(memory_format=torch.channels_last)
            for extractor in self.extractors:
                features, z = extractor(features)
                symbols.append(quantize(z, self.settings.levels))
        else:
            for _ in range(self.scales):
                images = downsample(images)
                symbols.append(images.float())
        return symbols

    def _normalized(self, images: Tensor) -> Tensor:
        """The input of E^(1)."""
        if self.settings.input_map == "stored":
            return nn.functional.conv2d(images.float(), self.input_weight, self.input_bias)
        values = self.values(0, images)
        return values if self.settings.parametrization == "unit" else values / RGB_SCALE

    def values(self, s: int, symbols: Tensor) -> Tensor:
        """The input of D^(s) for symbols of z^(s): float32, same shape."""
        if s > 0 and self.learned:
            return to_values(symbols, self.settings.levels)
        if self.settings.parametrization == "unit":
            return symbols.float() / 127.5 - 1
        return symbols.float() - self.mean

    @torch.no_grad()
    def initialize(self, seed: int) -> None:
        """See `Model`.

        With "pyramid" channels 0..2 of an extractor's features carry R, G, B of every second pixel
        of every second row; z holds their luma and two colour differences. Channels 3..5 of a
        predictor carry R, G, B again; upsampling interpolates them bilinearly into channels 0..2 of
        f, and channel 8 marks the positions that z was sampled from. If z were the mean of four
        pixels, the mean would be paid for twice, in z and in the four; a sampled pixel that z knows
        is nearly free where it comes again.

        Raises:
            ValueError: start "pyramid" with a parametrisation that it is not made for.
        """
        super().initialize(seed)
        if self.settings.initialization == "default":
            return
        for key, needed in (("parametrization", "unit"), ("channel_coefficients", "centred")):
            if getattr(self.settings, key) != needed:
                raise ValueError(f'initialization "pyramid" needs {key} "{needed}"')
        start.noise(self)
        for module in self.modules():
            if isinstance(module, Extractor):
                _start_extractor(module)
            elif isinstance(module, Predictor):
                start.start_predictor(module, self.learned)
            elif isinstance(module, ProbabilityClassifier):
                start.start_classifier(module, _CENTRE, marked=self.learned)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Predictors with their classifiers, and extractors."""
        decoder = [*self.predictors.parameters(), *self.classifiers.parameters()]
        extractors = [*self.extractors.parameters()]
        return {"decoder": decoder} | ({"extractors": extractors} if extractors else {})


FAMILY = L3C

_CENTRE = nn.functional.pad(torch.ones(1, 1, 1), (1, 1, 1, 1))  # a 3x3 kernel with one 1


def _start_extractor(extractor: Extractor) -> None:
    head, down, z = (layer.weight for layer in (extractor.head, extractor.down, extractor.to_z))
    start.see_contrast(head, start.CONTRAST_IMAGE)
    head[:3] = down[:3] = 0
    for c in range(3):
        head[c, c, 1, 1] = down[c, c, 2, 2] = 1  # pixel 2i
    z[:3] = 0
    z[:3, :3, 0, 0] = start.luma_and_colour()
    z[3:] *= start.Z_DAMPING
