"""What the families with a pyramid share: modules, loss, bits by part, codec, and integers."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from coder.shape import MixtureShape
from l3c.integer.conversion import conversions
from l3c.integer.network import IntegerNetwork
from l3c.models.base import Model
from l3c.models.pyramid_codec import PyramidCodec
from l3c.nn.layers import Predictor, ProbabilityClassifier, Units
from l3c.nn.pyramid import CodingStep, Decoder, PixelGroup, PyramidSettings


class PyramidModel(Decoder, Model):
    """A family whose parts are the scales "x", "z1", ..., "zS".

    Args:
        settings: shape of the network.
        steps: the coding steps.
        shapes: of the mixtures of z^(0), ..., z^(S); of z^(S) only channels and levels hold.
        unit: whether means and log sigma leave the network in the unit [-1, 1].
        shared: see `Decoder`.

    Attributes:
        known: the pixels of z^(s-1) that z^(s) holds already, if there are any; no step has them
            among its targets.
        multiple: sides of an image are padded to multiples of this before `symbols`.
    """

    settings: PyramidSettings
    known: PixelGroup | None = None

    def __init__(
        self,
        settings: PyramidSettings,
        steps: Sequence[CodingStep],
        shapes: Sequence[MixtureShape],
        unit: bool,
        shared: bool = False,
    ) -> None:
        super().__init__(settings, steps, shapes, shared)
        self.multiple = 1 << self.scales
        self.parts = ("x", *(f"z{s}" for s in range(1, self.scales + 1)))
        centred = settings.channel_coefficients == "centred"
        finest = {step.predictor: step for step in steps}  # the last step that uses a predictor
        owners = [step for _, step in sorted(finest.items())]
        self.predictors = nn.ModuleList(
            Predictor(
                self.shapes[step.source_scale].channels,
                settings.features,
                settings.blocks,
                step.upsample(settings.scales),
            )
            for step in owners
        )
        self.classifiers = nn.ModuleList(
            ProbabilityClassifier(
                settings.features, settings.dilations, Units(self.shapes[step.s - 1], unit, centred)
            )
            for step in owners
            for _ in step.targets
        )

    @abstractmethod
    def symbols(self, images: Tensor) -> list[Tensor]:
        """Symbols of x, z^(1), ..., z^(S), float32; those of a learned z carry its gradient.

        Args:
            images: uint8 (N, 3, H, W); H and W divisible by `multiple`.
        """

    def loss(self, images: Tensor) -> dict[str, Tensor]:
        """See `Model`: Eq. 10, without z^(S), whose uniform cost is a constant.

        A predictor that all scales share is trained on the finest.
        """
        return self._predicted_bits(self.symbols(images), self.steps[-1 if self.shared else 0 :])

    def bits(self, images: Tensor) -> dict[str, Tensor]:
        """See `Model`; H and W divisible by `multiple`."""
        symbols = self.symbols(images)
        uniform = {self.parts[-1]: torch.tensor(self.uniform_bits(symbols))}
        return self._predicted_bits(symbols, self.steps) | uniform

    def _predicted_bits(
        self, symbols: Sequence[Tensor], steps: Sequence[CodingStep]
    ) -> dict[str, Tensor]:
        """Cross-entropy of what steps predict: part -> float32 (), summed over the batch."""
        nothing = torch.zeros((), device=symbols[0].device)
        bits = {self.parts[step.s - 1]: nothing for step in reversed(steps)}
        for step, predicted in self.predictions(symbols, self.outputs, steps):
            part, (_, classifiers) = self.parts[step.s - 1], self.modules_of(step)
            for (target, outputs), classifier in zip(predicted, classifiers, strict=True):
                nats = classifier.units.nats(target.select(symbols[step.s - 1]), outputs)
                bits[part] = bits[part] + nats / math.log(2)
        return bits

    def uniform_bits(self, symbols: Sequence[Tensor]) -> float:
        """Bits of z^(S) under its uniform prior, summed over the batch."""
        return symbols[-1].numel() * math.log2(self.shapes[-1].levels)

    def codec(
        self, device: str = "cpu", integers: Mapping[str, Tensor] | None = None
    ) -> PyramidCodec:
        """See `Model`."""
        network = IntegerNetwork.load(self, integers) if integers else None
        return PyramidCodec(self, device, network)

    @torch.no_grad()
    def to_integers(self, images: Sequence[npt.NDArray[np.uint8]]) -> dict[str, Tensor]:
        """See `Model`: predictors and classifiers on the best of the grids (docs/integer.md).

        A dozen photographs of 128x128 are enough; sides are cut to multiples of 2^S.

        Raises:
            BoundError: what a filter adds to its residual exceeds the bound, whatever its own grid.
            ValueError: no image is large enough, or the network is not finite on them.
        """
        self.eval()
        side, pyramids = 1 << self.scales, []
        for image in images:
            height, width = (length // side * side for length in image.shape[:2])
            if height and width:
                pixels = image[:height, :width].transpose(2, 0, 1)[None].copy()
                pyramids.append(self.symbols(torch.from_numpy(pixels)))
        if not pyramids:
            raise ValueError(f"no image with {side} pixels a side to calibrate on")

        def bits(tensors: Mapping[str, Tensor]) -> float:
            codec = copy.deepcopy(self).codec("cpu", tensors)
            return sum(map(codec.cross_entropy_bits, images))

        return min((each.tensors() for each in conversions(self, pyramids)), key=bits)

    def integer_facts(self, integers: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `Model`: the largest partial sum of every convolution, as proved."""
        return {"largest_partial_sum": IntegerNetwork.load(self, integers).check()}
