"""The order of prediction: which pixels of which scale a network predicts at once, and from what.

In the paper all pixels of z^(s-1) are independent given f^(s): one stage for each scale. With
interlacing (after the pixel groups of Reed et al., "Parallel Multiscale Autoregressive Density
Estimation", 2017) a scale takes three. Of every 2x2 block of z^(s-1)

    A C
    C B

stage 0 predicts A from z^(s), stage 1 predicts B from A, stage 2 both C from A and B; each also
sees what the stages before it have seen. A decoder runs S or 3 S passes, however large the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from l3c.model.predictor import Upsampling


def scale_name(s: int) -> str:
    """What z^(s) is called in rows and figures: "x" for the image, then "z1", "z2", ..."""
    return f"z{s}" if s else "x"


@dataclass(frozen=True)
class Lattice:
    """The pixels at row + step i, column + step j of a plane."""

    row: int
    column: int
    step: int

    def of(self, plane: Tensor) -> Tensor:
        """A view of them: (..., H, W) -> (..., H', W')."""
        return plane[..., self.row :: self.step, self.column :: self.step]


ALL = Lattice(0, 0, 1)
A, B, C_RIGHT, C_BELOW = Lattice(0, 0, 2), Lattice(1, 1, 2), Lattice(0, 1, 2), Lattice(1, 0, 2)


@dataclass(frozen=True)
class Stage:
    """One pass of a predictor and its classifiers.

    Attributes:
        s: 1..S; pixels of z^(s-1) are predicted.
        group: of the stages of this scale, from 0.
        targets: the pixels of z^(s-1) that are predicted, independent of each other.
        source: the pixels of z^(s-1) that this stage is the first to see; z^(s) if None.
        predictor: index of its predictor in the network.
        classifiers: indices of its classifiers, one for each target.
        upsample: where its predictor upsamples, see `Predictor`.
        hands_on: whether the next stage gets its features.
    """

    s: int
    group: int
    targets: tuple[Lattice, ...]
    source: Lattice | None
    predictor: int
    classifiers: tuple[int, ...]
    upsample: Upsampling
    hands_on: bool

    @property
    def source_scale(self) -> int:
        """The scale of what this stage is the first to see: s, or s - 1 with a source."""
        return self.s if self.source is None else self.s - 1

    def seen(self, planes: list[Tensor]) -> Tensor:
        """What the predictor is fed, from z^(0), ..., z^(S): (N, C, H, W).

        Where the image ends within a block, its last known row and column are repeated; where it
        has none, zeros stand.

        Args:
            planes: of symbols (N, C, H, W), as far as they are known.
        """
        grid = planes[self.s]
        if self.source is None:
            return grid
        pixels = self.source.of(planes[self.s - 1])
        if pixels.shape[2:] == grid.shape[2:]:
            return pixels
        if not pixels.numel():
            return pixels.new_zeros(*pixels.shape[:2], *grid.shape[2:])
        rows, columns = (
            torch.arange(wanted, device=pixels.device).clamp(max=there - 1)
            for wanted, there in zip(grid.shape[2:], pixels.shape[2:], strict=True)
        )
        return pixels[:, :, rows][:, :, :, columns]


_JOINT = (((ALL,), None),)
_INTERLACED = (((A,), None), ((B,), A), ((C_RIGHT, C_BELOW), B))


def make_stages(scales: int, *, interlaced: bool, shared: bool) -> tuple[Stage, ...]:
    """All stages in the order of decoding: the coarsest scale first.

    Args:
        scales: S.
        interlaced: three stages for each scale, otherwise one.
        shared: one set of predictors and classifiers serves all scales, which share no features.
    """
    groups = _INTERLACED if interlaced else _JOINT
    stages = []
    for s in range(scales, 0, -1):
        predictor = 0 if shared else (s - 1) * len(groups)
        classifier = 0 if shared else (s - 1) * sum(len(targets) for targets, _ in groups)
        for group, (targets, source) in enumerate(groups):
            fused = group == 0 and s < scales and not shared
            upsample: Upsampling = "before" if fused else "none"
            stages.append(
                Stage(
                    s,
                    group,
                    targets,
                    source,
                    predictor + group,
                    tuple(range(classifier, classifier + len(targets))),
                    upsample if interlaced else "after",
                    not shared or group + 1 < len(groups),
                )
            )
            classifier += len(targets)
    return tuple(stages)


def finest(stages: tuple[Stage, ...], of: Callable[[Stage], tuple[int, ...]]) -> list[Stage]:
    """For each module index, ascending, the finest stage that it belongs to."""
    owners = {index: stage for stage in stages for index in of(stage)}
    return [owners[index] for index in sorted(owners)]
