"""Interlaced prediction: every scale is a subsampling of the next, and predicted in two passes.

z^(s) is every fourth pixel of z^(s-1), R, G, B as they are. Of every 2x2 block of z^(s-1)

    A C
    C B

A is z^(s) and known; one pass predicts B from A, the next both C from A and B (after the pixel
groups of Reed et al., "Parallel Multiscale Autoregressive Density Estimation", 2017). Nothing is
coded twice, nothing is rounded, nothing is learned but the prediction: 2 S passes, however large
the image. It is not the paper's: L3C learns z, and predicts all pixels of a scale at once.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from l3c.models.pyramid import PyramidModel
from l3c.nn import start
from l3c.nn.pyramid import PixelGroup, PyramidSettings, make_steps

A, B = PixelGroup(0, 0, 2), PixelGroup(1, 1, 2)
C_RIGHT, C_BELOW = PixelGroup(0, 1, 2), PixelGroup(1, 0, 2)
GROUPS = ((B,), (C_RIGHT, C_BELOW))


class Interlaced(PyramidModel):
    """See the module."""

    family: ClassVar[str] = "interlaced"
    Settings: ClassVar[type[PyramidSettings]] = PyramidSettings
    known = A

    def __init__(self, settings: PyramidSettings) -> None:
        colours = [settings.colours()] * (settings.scales + 1)
        super().__init__(settings, make_steps(settings.scales, GROUPS), colours, unit=True)
        self.multiple = 1  # images of any size are coded as they are

    def symbols(self, images: Tensor) -> list[Tensor]:
        """See `PyramidModel`; sides are rounded up at every scale."""
        return [images[:, :, :: 1 << s, :: 1 << s].float() for s in range(self.scales + 1)]

    def values(self, s: int, symbols: Tensor) -> Tensor:
        """The input of a predictor, of any scale: float32 on [-1, 1]."""
        return symbols.float() / 127.5 - 1

    @torch.no_grad()
    def initialize(self, seed: int) -> None:
        """Every mixture starts as the mean of the known pixels next to its own.

        Channels 0..2 of the features carry the pixels A, 3..5 the pixels B, see `l3c.nn.start`.
        """
        super().initialize(seed)
        start.noise(self)
        for step in self.steps:
            predictor, classifiers = self.modules_of(step)
            head, first = predictor.head.weight, 0 if step.source is None else 3
            head[: start.CARRIERS] = 0
            head[first : first + 3, :3, 0, 0] = torch.eye(3)
            if predictor.up is not None:
                predictor.up.conv.weight[: 4 * start.CARRIERS] = 0
            for target, classifier in zip(step.targets, classifiers, strict=True):
                start.start_classifier(classifier, _from_neighbours(target))


FAMILY = Interlaced


def _from_neighbours(target: PixelGroup) -> Tensor:
    """The mean of the known pixels next to the target: kernels (2, 3, 3) on A and B."""
    kernels = torch.zeros(2, 3, 3)
    if target == B:
        kernels[0, 1:, 1:] = 0.25
    elif target == C_RIGHT:
        kernels[0, 1, 1:] = kernels[1, :2, 1] = 0.25
    else:
        kernels[0, 1:, 1] = kernels[1, 1, :2] = 0.25
    return kernels
