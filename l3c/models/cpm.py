"""CPM: "Conditional Probability Models for Deep Image Compression" (Mentzer et al., CVPR 2018).

A lossy codec, the ancestor of L3C:

    E: image x -> z, C channels at 1/8 of the resolution, and the importance map (Sec. 3.4)
    Q: z -> the nearest of L learned centres, the same for all channels (Sec. 3.2)
    D: centres -> image
    P: centres -> p(symbol | symbols before it), a masked 3D network over (channel, row, column)

The cross-entropy under P is the rate, in training and in the file. The loss (Sec. 3.1, 3.3) is

    5000 (1 - MS-SSIM) + beta max(H - H_target, 0) + regularisation

with H in bits for each symbol. P's code as integers, and the file, are in `l3c.models.cpm_codec`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from l3c.models.base import Model
from l3c.models.tile_codec import Kind, TileCodec
from l3c.nn.ms_ssim import MIN_SIDE, ms_ssim
from l3c.settings import FrozenSettings

STRIDE = 8
RGB_MEAN = (121.85369873, 113.58860779, 100.63715363)  # of ImageNet, as published
RGB_VARIANCE = (4746.37695312, 4454.13964844, 4812.234375)
# What TensorFlow 1 draws uniformly on +-2 with the paper's seeds, 1234 and 666.
FIRST_CENTRES = (-1.433224, -1.807888, -0.364503, -0.897532, 1.525022, 0.865048)
CENTRES_RANGE = 2.0
LAYERS = 4  # of the context model, each of which looks back by one in all three dimensions


class CPMSettings(FrozenSettings):
    """Networks and loss; the defaults are the paper's at its middle rate."""

    bottleneck: int = Field(32, ge=1, le=128, description="C, channels of the bottleneck")
    features: int = Field(128, ge=8, le=512, multiple_of=4, description="n, of the autoencoder")
    groups: int = Field(5, ge=0, le=16, description="of three residual blocks, in E and in D")
    levels: int = Field(6, ge=2, le=16, description="L, centres of the quantizer")
    context: int = Field(24, ge=1, le=64, description="channels of the context model")
    target: float = Field(1.2, ge=0, description="H_target, bits a symbol: 64 / C times bpp")
    beta: float = Field(500.0, ge=0, description="weight of the rate beyond its target")
    distortion: Literal["ms_ssim", "mse", "psnr"] = Field(
        "ms_ssim", description="5000 (1 - MS-SSIM), mean squared error, or 100 - PSNR"
    )
    weight_decay: float = Field(0.005, ge=0, description="times sum w^2 / 2 of E's and D's filters")
    centre_decay: float = Field(0.1, ge=0, description="times sum c^2 / 2")


class Conv(nn.Sequential):
    """Convolution without bias, batch norm, perhaps a ReLU; padded as TensorFlow's SAME.

    Args:
        inputs: channels.
        outputs: channels.
        kernel: side of the filters: 3, or 5 with stride 2.
        stride: 1 or 2.
        up: transposed: doubles the resolution instead of halving it.
        relu: whether one follows.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        up: bool = False,
        relu: bool = True,
    ) -> None:
        conv: list[nn.Module]
        if up:  # the full result, cut to twice the input: kernel 5 loses 1 before and 2 behind
            conv = [nn.ConvTranspose2d(inputs, outputs, kernel, 2, kernel // 4, bias=False), Cut()]
        else:  # on even sides, stride 2 sees 1 before and 2 behind
            before, behind = (kernel - stride) // 2, (kernel - stride + 1) // 2
            pad = nn.ZeroPad2d((before, behind, before, behind))
            conv = [pad, nn.Conv2d(inputs, outputs, kernel, stride, bias=False)]
        norm = nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.1)
        super().__init__(*conv, norm, *[nn.ReLU()] * relu)


class Cut(nn.Module):
    """Drops the last row and column."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H - 1, W - 1)."""
        return x[:, :, :-1, :-1]


class Skip(nn.Sequential):
    """x + its modules, one after the other; nothing after the sum."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, n, H, W) -> the same shape."""
        return x + super().forward(x)


class ResidualBlock(Skip):
    """Two convolutions and a skip. The last block of a stack has no ReLU at all."""

    def __init__(self, features: int, relu: bool = True) -> None:
        super().__init__(Conv(features, features, relu=relu), Conv(features, features, relu=False))


def residual_stack(features: int, groups: int) -> Skip:
    """Groups of three blocks with a skip around each, one more block, and a skip around all."""
    blocks = [Skip(*(ResidualBlock(features) for _ in range(3))) for _ in range(groups)]
    return Skip(*blocks, ResidualBlock(features, relu=False))


class MaskedConv3d(nn.Conv3d):
    """Filters (2, 3, 3) that see the channel before, and of this one what is coded earlier.

    Args:
        inputs: channels of features.
        outputs: channels of features.
        own: whether the centre is open too, as in all layers but the first.
    """

    def __init__(self, inputs: int, outputs: int, own: bool = True) -> None:
        super().__init__(inputs, outputs, (2, 3, 3))
        mask = (torch.arange(2 * 3 * 3) < 13 + own).float().view(2, 3, 3)  # in raster order
        self.register_buffer("mask", mask, persistent=False)
        self.mask: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, C + 1, H + 2, W + 2) -> (N, outputs, C, H, W)."""
        return F.conv3d(x, self.weight * self.mask, self.bias)


class ContextModel(nn.Module):
    """P: logits of each symbol from the 5x9x9 values before it, in raster order of (C, H, W)."""

    def __init__(self, features: int, levels: int) -> None:
        super().__init__()
        self.first = MaskedConv3d(1, features, own=False)
        self.block = nn.ModuleList(MaskedConv3d(features, features) for _ in range(2))
        self.last = MaskedConv3d(features, levels)

    def forward(self, values: Tensor, outside: Tensor) -> Tensor:
        """Logits, all >= 0: the last layer has a ReLU.

        Args:
            values: float (N, C, H, W).
            outside: value around them, (): the first centre, which gets no gradient from here.

        Returns:
            (N, L, C, H, W).
        """
        return F.relu(self.last(self.features(values, outside)[-1]))

    def features(self, values: Tensor, outside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs of the first three layers, (N, F, C, H, W) with a margin of 3, 2 and 1."""
        side = (LAYERS, LAYERS)
        h = F.pad(values[:, None], (*side, *side, LAYERS, 0), value=outside.item())
        u0 = F.relu(self.first(h))
        u1 = F.relu(self.block[0](u0))
        return u0, u1, self.block[1](u1) + u0[:, :, 2:, 2:-2, 2:-2]


class Bottleneck(NamedTuple):
    """What E and Q make of images.

    Attributes:
        values: nearest centres; their gradient is that of the soft assignment.
        symbols: indices of the centres, int64.
        importance: the map's mask m, 0..1; all (N, C, H/8, W/8).
    """

    values: Tensor
    symbols: Tensor
    importance: Tensor


class CPM(Model):
    """See the module."""

    family: ClassVar[str] = "cpm"
    Settings: ClassVar[type[CPMSettings]] = CPMSettings
    arithmetics: ClassVar[tuple[Kind, ...]] = ("integer",)
    lossy: ClassVar[bool] = True
    varied: ClassVar[tuple[str, ...]] = ("model.bottleneck", "model.target")
    paper: ClassVar[Mapping[str, Any]] = {
        **{"crop": 160, "batch": 30, "optimizer": "adam", "beta2": 0.999, "learning_rate": 8e-5},
        "lr_factors": {"context": 1.25},  # 1e-4, in an optimiser of its own
        **{"decay": 0.1, "decay_steps": 85_410},  # 2 epochs
        "steps": 256_230,  # 6 epochs: an end of ours, the authors trained for as long as they liked
        "channels_last": False,
    }
    settings: CPMSettings
    parts = ("symbols",)

    def __init__(self, settings: CPMSettings) -> None:
        super().__init__()
        self.settings = settings
        n, C = settings.features, settings.bottleneck
        self.encoder = nn.Sequential(
            Conv(3, n // 2, 5, 2),  # (n/2, H/2, W/2)
            Conv(n // 2, n, 5, 2),  # (n, H/4, W/4)
            residual_stack(n, settings.groups),
            Conv(n, C + 1, 5, 2, relu=False),  # (C + 1, H/8, W/8)
        )
        self.decoder = nn.Sequential(
            Conv(C, n, 3, up=True),  # (n, H/4, W/4)
            residual_stack(n, settings.groups),
            Conv(n, n // 2, 5, up=True),
            Conv(n // 2, 3, 5, up=True, relu=False),
        )
        self.centres = nn.Parameter(torch.zeros(settings.levels))
        self.context = ContextModel(settings.context, settings.levels)
        for name, numbers in (("mean", RGB_MEAN), ("variance", RGB_VARIANCE)):
            self.register_buffer(name, torch.tensor(numbers).view(3, 1, 1), persistent=False)
        self.mean: Tensor
        self.variance: Tensor

    def initialize(self, seed: int) -> None:
        """See `Model`: Glorot's uniform distribution, of masked filters as if none were."""
        torch.manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Conv3d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
        nn.init.uniform_(self.centres, -CENTRES_RANGE, CENTRES_RANGE)
        if len(self.centres) == len(FIRST_CENTRES):  # as published, the numbers of their seed
            self.centres.data.copy_(torch.tensor(FIRST_CENTRES))

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """See `Model`: the paper's two optimisers."""
        coder = [*self.encoder.parameters(), *self.decoder.parameters(), self.centres]
        return {"autoencoder": coder, "context": [*self.context.parameters()]}

    def encode(self, x: Tensor) -> Bottleneck:
        """E and Q: float (N, 3, H, W), 0..255, sides multiples of 8."""
        h = self.encoder((x - self.mean) / torch.sqrt(self.variance + 1e-10)).float()
        C = self.settings.bottleneck
        kept = C * torch.sigmoid(h[:, :1])  # channels that stay, for each position
        channel = torch.arange(C, device=x.device).view(1, C, 1, 1)
        importance = (kept - channel).clamp(0, 1)
        return Bottleneck(*self.quantize(importance * h[:, 1:]), importance)

    def quantize(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Q: the nearest centre forward, the gradient of softmax(-|z - c|^2) c backward.

        Args:
            z: float, any shape.

        Returns:
            Values and symbols (int64) of that shape.
        """
        distance = (z.unsqueeze(-1) - self.centres) ** 2
        symbols = distance.argmin(-1)
        hard = self.centres[symbols]
        if not torch.is_grad_enabled():
            return hard, symbols
        soft = (torch.softmax(-distance, -1) * self.centres).sum(-1)
        return soft + (hard - soft).detach(), symbols

    def decode(self, values: Tensor) -> Tensor:
        """D: values (N, C, H/8, W/8) -> float (N, 3, H, W), 0..255."""
        x = self.decoder(values) * torch.sqrt(self.variance + 1e-10) + self.mean
        return x.clamp(0, 255)

    def symbol_bits(self, found: Bottleneck) -> Tensor:
        """-log2 P of each symbol, (N, C, H/8, W/8): gradients reach P and nothing before it."""
        centres = self.centres.detach()
        logits = self.context(centres[found.symbols], centres[0])
        return F.cross_entropy(logits, found.symbols, reduction="none") / math.log(2)

    def distortion(self, x: Tensor, y: Tensor) -> Tensor:
        """Of a reconstruction y of x, as the settings weigh it: (), float32 even under autocast."""
        if self.settings.distortion == "ms_ssim":
            with torch.autocast(x.device.type, enabled=False):
                return 5000 * (1 - ms_ssim(x, y.float(), training=True))
        error = F.mse_loss(y.float(), x)
        if self.settings.distortion == "mse":
            return error
        return 100 - 10 * torch.log10(255**2 / error)

    def loss(self, images: Tensor) -> dict[str, Tensor]:
        """The terms of the loss, multiplied by the number of sub-pixels, by which training divides.

        The rate is (H_real + H_mask) / 2, of which only H_mask has a gradient for E.
        """
        x, settings = images.float(), self.settings
        found = self.encode(x)
        bits = self.symbol_bits(found)
        rate = (bits.mean() + (found.importance * bits).mean()) / 2
        filters = [p for p in self.param_groups()["autoencoder"] if p.ndim == 4]
        squares = torch.stack([(weight**2).sum() for weight in filters]).sum()
        decay = settings.weight_decay * squares + settings.centre_decay * (self.centres**2).sum()
        terms = {
            "distortion": self.distortion(x, self.decode(found.values)),
            "rate": settings.beta * F.relu(rate - settings.target),
            "regularization": decay / 2,
        }
        return {name: term * images.numel() for name, term in terms.items()}

    @torch.no_grad()
    def bits(self, images: Tensor) -> dict[str, Tensor]:
        """See `Model`; images of any size are padded as `pad` does."""
        with self.evaluating():
            return {"symbols": self.symbol_bits(self.encode(pad(images.float()))).sum()}

    @torch.no_grad()
    def quality(self, images: Tensor) -> dict[str, Tensor]:
        """See `Model`; values are truncated, not rounded, as in files."""
        x = images.double()
        with self.evaluating():
            decoded = self.decode(self.encode(pad(images.float())).values)
        y = cut(decoded, *images.shape[2:]).to(torch.uint8).double()
        found = {"psnr": 10 * torch.log10(255**2 / ((x - y) ** 2).mean((1, 2, 3)))}
        if min(images.shape[2:]) >= MIN_SIDE:
            each = [ms_ssim(a[None], b[None]) for a, b in zip(x, y, strict=True)]
            found = {"ms_ssim": torch.stack(each), **found}
        return found

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """With the moving averages of batch norm, whatever the mode."""
        mode = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(mode)

    def to_integers(self, images: Sequence[npt.NDArray[np.uint8]]) -> dict[str, Tensor]:
        """See `Model`: the context model, for exact symbols; D stays in floating point."""
        from l3c.models.cpm_codec import to_integers

        return to_integers(self, images)

    def integer_facts(self, integers: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `Model`: the largest partial sum of every layer, as proved."""
        from l3c.models.cpm_codec import network_of

        return {"largest_partial_sum": network_of(integers).largest_sums}

    def codec(self, device: str = "cpu", integers: Mapping[str, Tensor] | None = None) -> TileCodec:
        """See `Model`; it is lossy."""
        from l3c.models.cpm_codec import CPMCodec

        return CPMCodec(self, device, integers)


def margins(height: int, width: int) -> tuple[int, int, int, int]:
    """Left, right, top, bottom: what makes sides multiples of 8, half of it (less) at top and left.

    The paper's measures are of the padded image; here the padding is cut off again.
    """
    add_y, add_x = -height % STRIDE, -width % STRIDE
    return add_x // 2, add_x - add_x // 2, add_y // 2, add_y - add_y // 2


def pad(images: Tensor) -> Tensor:
    """Float images with their edges repeated (the paper: zeros); sides are multiples of 8."""
    return F.pad(images, margins(*images.shape[2:]), "replicate")


def cut(images: Tensor, height: int, width: int) -> Tensor:
    """Inverse of `pad`."""
    left, _, top, _ = margins(height, width)
    return images[:, :, top : top + height, left : left + width]


FAMILY = CPM
