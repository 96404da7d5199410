"""Coding steps: which pixels of which scale a network predicts at once, and from what.

A pyramid z^(0) = x, z^(1), ..., z^(S) is coded from its coarsest scale on. A step predicts pixels
of z^(s-1) that are independent of each other given what is known, so that a decoder runs as many
passes as there are steps, however large the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Upsampling = Literal["after", "before", "none"]
"""Where a predictor upsamples by 2: the features it gives, those it gets, or nothing."""


def scale_name(s: int) -> str:
    """The name of the part z^(s): "x" for the image, then "z1", "z2", ..."""
    return f"z{s}" if s else "x"


@dataclass(frozen=True)
class PixelGroup:
    """The pixels at row + step i, column + step j of a plane."""

    row: int
    column: int
    step: int

    def select(self, plane: Tensor) -> Tensor:
        """A view of them: (..., H, W) -> (..., H', W')."""
        return plane[..., self.row :: self.step, self.column :: self.step]


ALL = PixelGroup(0, 0, 1)


@dataclass(frozen=True)
class Group:
    """The part of a step that is the same at every scale.

    Attributes:
        targets: the pixels of z^(s-1) that are predicted, independent of each other.
        source: the pixels of z^(s-1) that this step is the first to get; None for z^(s).
    """

    targets: tuple[PixelGroup, ...]
    source: PixelGroup | None = None


@dataclass(frozen=True)
class CodingStep:
    """One pass of a predictor and its classifiers.

    Attributes:
        s: 1..S; pixels of z^(s-1) are predicted.
        group: number of the step among those of its scale, from 0.
        targets: the pixels of z^(s-1) that are predicted, independent of each other.
        source: the pixels of z^(s-1) that this step is the first to get; z^(s) if None.
        predictor: index of its predictor in the network.
        classifiers: indices of its classifiers, one for each target.
        upsample: where its predictor upsamples, see `layers.Predictor`.
        passes_features: whether the next step gets its features.
    """

    s: int
    group: int
    targets: tuple[PixelGroup, ...]
    source: PixelGroup | None
    predictor: int
    classifiers: tuple[int, ...]
    upsample: Upsampling
    passes_features: bool

    @property
    def source_scale(self) -> int:
        """The scale of the input: s, or s - 1 with a source."""
        return self.s if self.source is None else self.s - 1

    def inputs(self, symbols: Sequence[Tensor]) -> Tensor:
        """The input of the predictor, from z^(0), ..., z^(S): (N, C, H, W).

        Where the image ends within a block, its last known row and column are repeated; where it
        has none, zeros stand.

        Args:
            symbols: of each scale, (N, C, H, W), as far as they are known.
        """
        grid = symbols[self.s]
        if self.source is None:
            return grid
        pixels = self.source.select(symbols[self.s - 1])
        if pixels.shape[2:] == grid.shape[2:]:
            return pixels
        if not pixels.numel():
            return pixels.new_zeros(*pixels.shape[:2], *grid.shape[2:])
        rows, columns = (
            torch.arange(wanted, device=pixels.device).clamp(max=there - 1)
            for wanted, there in zip(grid.shape[2:], pixels.shape[2:], strict=True)
        )
        return pixels[:, :, rows][:, :, :, columns]


def make_steps(
    scales: int, groups: Sequence[Group], *, shared: bool, upsample: Upsampling
) -> tuple[CodingStep, ...]:
    """All steps in the order of decoding: the coarsest scale first.

    Args:
        scales: S.
        groups: the steps of each scale.
        shared: one set of predictors and classifiers serves all scales, which share no features.
        upsample: "after", or "before" for the first step of each scale that gets features.
    """
    steps = []
    for s in range(scales, 0, -1):
        predictor = 0 if shared else (s - 1) * len(groups)
        classifier = 0 if shared else (s - 1) * sum(len(group.targets) for group in groups)
        for number, group in enumerate(groups):
            fused = number == 0 and s < scales and not shared
            where: Upsampling = "after" if upsample == "after" else "before" if fused else "none"
            steps.append(
                CodingStep(
                    s,
                    number,
                    group.targets,
                    group.source,
                    predictor + number,
                    tuple(range(classifier, classifier + len(group.targets))),
                    where,
                    not shared or number + 1 < len(groups),
                )
            )
            classifier += len(group.targets)
    return tuple(steps)


def finest(
    steps: Sequence[CodingStep], indices_of: Callable[[CodingStep], tuple[int, ...]]
) -> list[CodingStep]:
    """For each module index, ascending, the finest step that uses it."""
    owners = {index: step for step in steps for index in indices_of(step)}
    return [owners[index] for index in sorted(owners)]
