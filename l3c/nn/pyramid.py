"""Networks that describe an image by a pyramid z^(0) = x, z^(1), ..., z^(S), step by step.

    p(x, z^(1), ..., z^(S)) = p(z^(S)) * prod_s p(z^(s-1) | f^(s)),    f^(s) = D^(s)(z^(s), f^(s+1))

with a uniform p(z^(S)) (L3C Eq. 2). The coarsest scale is coded first. A step predicts pixels of
z^(s-1) that are independent of each other given what is known, so that a decoder runs as many
passes as there are steps, however large the image. Families differ in the pyramid and in the steps.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from coder.shape import MixtureShape
from l3c.nn.layers import Predictor, ProbabilityClassifier, Upsampling
from l3c.settings import FrozenSettings


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

    def colours(self) -> MixtureShape:
        """The mixture of R, G and B."""
        sigmoid = self.channel_coefficients == "sigmoid"
        return MixtureShape(3, 256, self.mixtures, coupled=True, sigmoid=sigmoid)


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
class CodingStep:
    """One pass of a predictor and its classifiers.

    Attributes:
        s: 1..S; pixels of z^(s-1) are predicted.
        targets: the pixels of z^(s-1) that are predicted, independent of each other.
        source: the pixels of z^(s-1) that it gets, which the step before predicted; None of the
            first step of a scale, which gets z^(s).
        predictor: index of its predictor in the network.
        classifiers: indices of its classifiers, one for each target.
    """

    s: int
    targets: tuple[PixelGroup, ...]
    source: PixelGroup | None
    predictor: int
    classifiers: tuple[int, ...]

    @property
    def source_scale(self) -> int:
        """The scale of the input: s, or s - 1 with a source."""
        return self.s if self.source is None else self.s - 1

    def upsample(self, scales: int) -> Upsampling:
        """Where its predictor upsamples, in a pyramid of S scales: see `layers.Predictor`."""
        if self.targets == (ALL,):
            return "after"
        return "before" if self.source is None and self.s < scales else "none"

    def inputs(self, symbols: Sequence[Tensor]) -> Tensor:
        """The symbols that the predictor gets, of those of z^(0), ..., z^(S): (N, C, H, W).

        Where the image ends within a block, its last known row and column are repeated; where it
        has none, zeros take their place.
        """
        grid = symbols[self.s]
        if self.source is None:
            return grid
        pixels = self.source.select(symbols[self.s - 1])
        if not pixels.numel():
            return pixels.new_zeros(*pixels.shape[:2], *grid.shape[2:])
        rows, columns = (
            torch.arange(wanted, device=pixels.device).clamp(max=there - 1)
            for wanted, there in zip(grid.shape[2:], pixels.shape[2:], strict=True)
        )
        return pixels[:, :, rows][:, :, :, columns]


def make_steps(
    scales: int, groups: Sequence[tuple[PixelGroup, ...]] = ((ALL,),), shared: bool = False
) -> tuple[CodingStep, ...]:
    """All steps in the order of decoding; modules are numbered from the finest scale on.

    Args:
        scales: S.
        groups: targets of the steps of each scale; a step gets the first target of the one before.
        shared: one set of predictors and classifiers serves all scales.
    """
    steps: list[CodingStep] = []
    for s in range(scales, 0, -1):
        finer = 0 if shared else s - 1  # scales
        predictor, first = finer * len(groups), finer * sum(map(len, groups))
        source = None
        for targets in groups:
            classifiers = tuple(range(first, first + len(targets)))
            steps.append(CodingStep(s, targets, source, predictor, classifiers))
            predictor, first, source = predictor + 1, first + len(targets), targets[0]
    return tuple(steps)


Outputs = tuple[list[Tensor], Tensor | None]
"""What a step gives for each target, (N, P, H', W'), and the features (N, Cf, H', W') for the next
step, or None where that gets none. H' = 2H if a target is all pixels of z^(s-1), else H' = H."""


class Decoder(nn.Module):
    """The predictors and classifiers of coding steps: the part of a network that a decoder runs.

    Symbols of a batch are a list of z^(0), ..., z^(S), whole numbers (N, C, H, W) of any type.

    Args:
        settings: shape of the network.
        steps: in the order of decoding.
        shapes: of the mixtures of z^(0), ..., z^(S); of z^(S) only channels and levels hold.
        shared: whether one predictor serves all scales, which then share no features.

    Attributes:
        predictors, classifiers: that the steps name by index; a subclass makes them.
    """

    settings: PyramidSettings
    predictors: nn.ModuleList
    classifiers: nn.ModuleList

    def __init__(
        self,
        settings: PyramidSettings,
        steps: Sequence[CodingStep],
        shapes: Sequence[MixtureShape],
        shared: bool,
    ) -> None:
        super().__init__()
        self.settings, self.scales = settings, settings.scales
        self.steps, self.shapes, self.shared = tuple(steps), tuple(shapes), shared

    @abstractmethod
    def values(self, s: int, symbols: Tensor) -> Tensor:
        """The input of a predictor for symbols of z^(s): same shape, by default float32."""

    def modules_of(self, step: CodingStep) -> tuple[Predictor, list[ProbabilityClassifier]]:
        """The predictor of a step, and the classifier of each target."""
        classifiers = [self.classifiers[index] for index in step.classifiers]
        return cast(Predictor, self.predictors[step.predictor]), cast(
            list[ProbabilityClassifier], classifiers
        )

    def outputs(self, step: CodingStep, values: Tensor, features: Tensor | None) -> Outputs:
        """What the classifiers give, in the network's own units.

        Args:
            step: one of `steps`.
            values: of the symbols that it gets, (N, C, H, W).
            features: of the step before; None at the first.
        """
        predictor, classifiers = self.modules_of(step)
        f = predictor(values, features)
        return [classifier(f) for classifier in classifiers], None if self.shared else f

    def predict(self, step: CodingStep, values: Tensor, features: Tensor | None) -> Outputs:
        """The same as mixture parameters, see `Units`."""
        outputs, f = self.outputs(step, values, features)
        units = [classifier.units for classifier in self.modules_of(step)[1]]
        return [of(each) for of, each in zip(units, outputs, strict=True)], f

    def predictions(
        self,
        symbols: Sequence[Tensor],
        predict: Callable[[CodingStep, Tensor, Tensor | None], Outputs] | None = None,
        steps: Sequence[CodingStep] = (),
    ) -> Iterator[tuple[CodingStep, list[tuple[PixelGroup, Tensor]]]]:
        """Every step, and for each target (N, P, H', W'), H' and W' as many as it has pixels.

        Args:
            symbols: read step by step: a decoder fills in what a step was for before it asks for
                the next.
            predict: runs a step; `self.predict` by default.
            steps: of those that there are; all by default.
        """
        features = None
        for step in steps or self.steps:
            values = self.values(step.source_scale, step.inputs(symbols))
            outputs, features = (predict or self.predict)(step, values, features)
            predicted = []
            for target, output in zip(step.targets, outputs, strict=True):
                height, width = target.select(symbols[step.s - 1]).shape[2:]
                predicted.append((target, output[:, :, :height, :width]))
            yield step, predicted
