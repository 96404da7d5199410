"""What the families with a pyramid share: loss, bits by part, codec, and conversion to integers."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from l3c.integer.conversion import conversions
from l3c.integer.network import IntegerNetwork
from l3c.models.base import Model
from l3c.models.pyramid_codec import PyramidCodec
from l3c.nn.pyramid import Bottleneck, PyramidNetwork, PyramidSettings, scale_name


class PyramidModel(PyramidNetwork, Model):
    """A family whose parts are the scales "x", "z1", ..., "zS"."""

    settings: PyramidSettings

    @property
    def parts(self) -> tuple[str, ...]:  # type: ignore[override]
        """The scales, finest first."""
        return tuple(scale_name(s) for s in range(self.scales + 1))

    def loss(self, images: Tensor) -> dict[str, Tensor]:
        """See `Model`: Eq. 10, without z^(S), whose uniform cost is a constant.

        A predictor that all scales share is trained on the finest.
        """
        scales = 1 if self.shared else self.scales
        return self._predicted_bits(images, self.bottlenecks(images), scales)

    def bits(self, images: Tensor) -> dict[str, Tensor]:
        """See `Model`; H and W divisible by `multiple`."""
        pyramid = self.bottlenecks(images)
        bits = self._predicted_bits(images, pyramid, self.scales)
        return bits | {scale_name(self.scales): torch.tensor(self.uniform_bits(pyramid))}

    def _predicted_bits(
        self, images: Tensor, pyramid: Sequence[Bottleneck], scales: int
    ) -> dict[str, Tensor]:
        """Cross-entropy of z^(0), ..., z^(scales - 1), each summed over the batch, in bits."""
        values = [self.values(0, images), *(bottleneck.values for bottleneck in pyramid)]
        symbols = [images.float()]
        symbols += [self.differentiable_symbols(s, each) for s, each in enumerate(pyramid, 1)]
        bits = {scale_name(s): torch.zeros((), device=images.device) for s in range(scales)}
        features = None
        for step in self.steps:
            if step.s > scales:  # of a shared predictor, which takes no features
                continue
            predictor, classifiers = self.modules_of(step)
            features = predictor(step.inputs(values), None if self.shared else features)
            for target, classifier in zip(step.targets, classifiers, strict=True):
                wanted, outputs = target.select(symbols[step.s - 1]), classifier.outputs(features)
                nats = classifier.units.nats(wanted, outputs)
                bits[scale_name(step.s - 1)] = bits[scale_name(step.s - 1)] + nats / math.log(2)
        return bits

    def uniform_bits(self, pyramid: Sequence[Bottleneck]) -> float:
        """Bits of z^(S) under its uniform prior, summed over the batch."""
        return pyramid[-1].symbols.numel() * math.log2(self.shape(self.scales).levels)

    def differentiable_symbols(self, s: int, bottleneck: Bottleneck) -> Tensor:
        """Symbols of z^(s) as float32; with a gradient where z is learned."""
        return bottleneck.symbols.float()

    def codec(
        self, device: str = "cpu", integers: Mapping[str, Tensor] | None = None
    ) -> PyramidCodec:
        """See `Model`."""
        network = IntegerNetwork.load(self, integers) if integers else None
        return PyramidCodec(self, device, network)

    def to_integers(self, images: Sequence[npt.NDArray[np.uint8]]) -> dict[str, Tensor]:
        """See `Model`: predictors and classifiers on the best of the grids (docs/integer.md)."""

        def bits(tensors: Mapping[str, Tensor]) -> float:
            codec = copy.deepcopy(self).codec("cpu", tensors)
            return sum(map(codec.cross_entropy_bits, images))

        return min((each.tensors() for each in conversions(self, images)), key=bits)

    def integer_facts(self, integers: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `Model`: the largest partial sum of every convolution, as proved."""
        return {"largest_partial_sum": IntegerNetwork.load(self, integers).check()}
