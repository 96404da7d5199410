"""Networks that describe an image by a pyramid z^(0) = x, z^(1), ..., z^(S), step by step.

    p(x, z^(1), ..., z^(S)) = p(z^(S)) * prod_s p(z^(s-1) | f^(s)),    f^(s) = D^(s)(z^(s), f^(s+1))

with a uniform p(z^(S)) (L3C Eq. 2). Families differ in the pyramid and in the coding steps.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from coder.shape import MixtureShape
from coder.tables import LOG_SIGMA_MIN
from l3c.nn import mixture
from l3c.nn.layers import Predictor, ProbabilityClassifier
from l3c.nn.steps import CodingStep, PixelGroup, finest
from l3c.settings import FrozenSettings

# Of the outputs for logits and log sigma, in the "unit" parametrisation: an optimiser that moves
# every weight alike must be slow for means that are right to 1 in 255; these would not follow.
OUTPUT_GAIN = 40.0


class PyramidSettings(FrozenSettings):
    """Shape and parametrisation of a network; the defaults are the paper's."""

    scales: int = Field(3, ge=1, le=6, description="S, number of scales below the image")
    features: int = Field(64, ge=12, le=512, description="Cf, channels of every feature map")
    blocks: int = Field(8, ge=0, le=64, description="residual blocks of an extractor or predictor")
    mixtures: int = Field(10, ge=1, le=64, description="K, logistics of each mixture")
    dilations: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        (1, 2, 4),
        min_length=1,
        max_length=16,
        description="of the parallel convolutions of the classifier",
    )
    channel_coefficients: Literal["sigmoid", "linear", "centred"] = Field(
        "sigmoid",
        description="lambda of Eq. 7: sigmoid of the network's output; the output itself; or the "
        "output, multiplied with the previous channel's residual",
    )


@dataclass(frozen=True)
class Bottleneck:
    """z^(s): symbols int64 (N, C, H, W), and their values float32 (N, C, H, W)."""

    symbols: Tensor
    values: Tensor


class PyramidNetwork(nn.Module, ABC):
    """Predictors and classifiers of the coding steps; a subclass makes the pyramid.

    Args:
        settings: shape of the network.
        steps: the coding steps.
        shapes: of the mixtures of z^(0), ..., z^(S); of z^(S) only channels and levels hold.
        unit: whether means and log sigma leave the network in the unit [-1, 1].

    Attributes:
        known: the pixels of z^(s-1) that z^(s) holds already, if there are any; no step has them
            among its targets.
    """

    known: PixelGroup | None = None

    def __init__(
        self,
        settings: PyramidSettings,
        steps: Sequence[CodingStep],
        shapes: Sequence[MixtureShape],
        unit: bool,
    ) -> None:
        super().__init__()
        self.scales = settings.scales
        self.steps = tuple(steps)
        self.shapes = tuple(shapes)
        self.features = settings.features
        self.blocks = settings.blocks
        self.dilations = settings.dilations
        self.centred = settings.channel_coefficients == "centred"
        self.shared = not any(step.passes_features and step.group == 0 for step in steps)
        self.predictors = nn.ModuleList(
            Predictor(self.input_shape(step).channels, self.features, self.blocks, step.upsample)
            for step in finest(self.steps, lambda step: (step.predictor,))
        )
        self.classifiers = nn.ModuleList(
            ProbabilityClassifier(
                self.features,
                self.dilations,
                self.shape(step.s - 1),
                *self._units(step.s - 1, unit),
                self.centred,
            )
            for step in finest(self.steps, lambda step: step.classifiers)
        )

    def _units(self, s: int, unit: bool) -> tuple[float, float, float, float]:
        """Of z^(s): unit and zero of the network's means, gain of the rest, least log sigma.

        All in symbols. The paper's least log sigma is that of the network's own unit.
        """
        half = (self.shape(s).levels - 1) / 2
        if unit:
            return half, half, OUTPUT_GAIN, LOG_SIGMA_MIN
        scale, zero = (1.0, 0.0) if self.shape(s).coupled else (half, half)
        return scale, zero, 1.0, LOG_SIGMA_MIN + math.log(scale)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def shape(self, s: int) -> MixtureShape:
        """The mixture of z^(s); its channels and levels also hold for z^(S)."""
        return self.shapes[s]

    def input_shape(self, step: CodingStep) -> MixtureShape:
        """Channels and levels of the input of a step."""
        return self.shape(step.source_scale)

    @abstractmethod
    def bottlenecks(self, images: Tensor) -> list[Bottleneck]:
        """z^(1), ..., z^(S) of a batch.

        Args:
            images: uint8 (N, 3, H, W); H and W divisible by `multiple`.
        """

    @abstractmethod
    def values(self, s: int, symbols: Tensor) -> Tensor:
        """The input of a predictor for symbols of z^(s): float32, same shape."""

    @property
    def multiple(self) -> int:
        """The sides of an image are padded to multiples of this before `bottlenecks`."""
        return 1 << self.scales

    def predict(
        self, step: CodingStep, values: Tensor, coarser_features: Tensor | None
    ) -> tuple[list[Tensor], Tensor | None]:
        """Mixture parameters of a step's targets, and the features for the next step.

        Args:
            step: one of `steps`.
            values: of its input, `step.inputs`, float32 (N, C, H, W).
            coarser_features: of the step before; None at the first.

        Returns:
            Mixture parameters (N, P, H', W') for each target, see `ProbabilityClassifier`: H' = 2H
            if it is all pixels of z^(s-1), else H' = H. And the features (N, Cf, H', W'), or None
            where the next step gets none.
        """
        f = self.predictors[step.predictor](values, coarser_features)
        mixture_params = [self.classifiers[index](f) for index in step.classifiers]
        return mixture_params, f if step.passes_features else None

    def split(self, s: int, mixture_params: Tensor) -> mixture.Mixture:
        """The mixture parameters of z^(s) by kind."""
        return mixture.split(mixture_params, self.shape(s))

    def uniform_bits(self, pyramid: Sequence[Bottleneck]) -> float:
        """Bits of z^(S) under its uniform prior, summed over the batch."""
        return pyramid[-1].symbols.numel() * math.log2(self.shape(self.scales).levels)

    def predicted_bits(
        self, images: Tensor, pyramid: Sequence[Bottleneck], scales: int
    ) -> list[Tensor]:
        """Cross-entropy of z^(0), ..., z^(scales - 1), each summed over the batch, in bits.

        Args:
            images: uint8 (N, 3, H, W).
            pyramid: of these images; its values carry gradients to what made them.
            scales: how many are counted, 1..S.
        """
        values = [self.values(0, images), *(bottleneck.values for bottleneck in pyramid)]
        bits = [torch.zeros((), device=images.device) for _ in range(scales)]
        features = None
        for step in self.steps:
            if step.s > scales:
                continue
            s = step.s - 1
            predicted, features = self.predict(step, step.inputs(values), features)
            symbols = images.float() if s == 0 else self.differentiable_symbols(s, pyramid[s - 1])
            levels = self.shape(s).levels
            for target, params in zip(step.targets, predicted, strict=True):
                wanted = target.select(symbols)
                nats = mixture.negative_log_likelihood(wanted, self.split(s, params), levels)
                bits[s] = bits[s] + nats.sum() / math.log(2)
        return bits

    def differentiable_symbols(self, s: int, bottleneck: Bottleneck) -> Tensor:
        """Symbols of z^(s) as float32; with a gradient where z is learned."""
        return bottleneck.symbols.float()
