"""What the families with a pyramid share: loss, bits by part, codec, and conversion to integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from l3c.integer import files
from l3c.integer.conversion import convert
from l3c.models.base import Model
from l3c.models.pyramid_codec import PyramidCodec
from l3c.nn.pyramid import PyramidNetwork
from l3c.nn.steps import scale_name


class PyramidModel(PyramidNetwork, Model):
    """A family whose parts are the scales "x", "z1", ..., "zS"."""

    trained_scales: int | None = None
    """How many scales the loss counts; None for all that are predicted."""

    @property
    def parts(self) -> tuple[str, ...]:  # type: ignore[override]
        """The scales, finest first."""
        return tuple(scale_name(s) for s in range(self.scales + 1))

    def loss(self, images: Tensor) -> dict[str, Tensor]:
        """See `Model`; the uniform cost of z^(S) is a constant and left out (L3C Eq. 10)."""
        scales = self.trained_scales or self.scales
        bits = self.predicted_bits(images, self.bottlenecks(images), scales)
        return {scale_name(s): each for s, each in enumerate(bits)}

    def bits(self, images: Tensor) -> dict[str, Tensor]:
        """See `Model`; H and W divisible by `multiple`."""
        pyramid = self.bottlenecks(images)
        bits = self.predicted_bits(images, pyramid, self.scales)
        bits.append(torch.tensor(self.uniform_bits(pyramid)))
        return dict(zip(self.parts, bits, strict=True))

    def codec(
        self, device: str = "cpu", integers: Mapping[str, Tensor] | None = None
    ) -> PyramidCodec:
        """See `Model`."""
        network = files.load(self, integers) if integers else None
        return PyramidCodec(self, self.identity(), device, network)

    def to_integers(self, images: Sequence[npt.NDArray[np.uint8]]) -> dict[str, Tensor]:
        """See `Model`: predictors and classifiers in integers (docs/integer.md)."""
        return files.dump(convert(self, images))

    def integer_facts(self, integers: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `Model`: the largest partial sum of every convolution, as proved."""
        return {"largest_partial_sum": files.load(self, integers).check()}
