"""Networks that describe an image by a pyramid z^(0) = x, z^(1), ..., z^(S), step by step.

    p(x, z^(1), ..., z^(S)) = p(z^(S)) * prod_s p(z^(s-1) | f^(s)),    f^(s) = D^(s)(z^(s), f^(s+1))

with a uniform p(z^(S)) (L3C Eq. 2). The coarsest scale is coded first. A step predicts pixels of
z^(s-1) that are independent of each other given what is known, so that a decoder runs as many
passes as there are steps, however large the image. Families differ in the pyramid and in the steps.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from coder.shape import MixtureShape
from l3c.nn import mixture
from l3c.nn.layers import Predictor, ProbabilityClassifier, Units, Upsampling
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
class CodingStep:
    """One pass of a predictor and its classifiers.

    Attributes:
        s: 1..S; pixels of z^(s-1) are predicted.
        number: of the step among those of its scale, from 0.
        targets: the pixels of z^(s-1) that are predicted, independent of each other.
        source: the pixels of z^(s-1) that it gets, which the step before predicted; None: it gets
            z^(s).
        predictor: index of its predictor in the network.
        classifiers: indices of its classifiers, one for each target.
    """

    s: int
    number: int
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
        return "before" if self.number == 0 and self.s < scales else "none"

    def inputs(self, symbols: Sequence[Tensor]) -> Tensor:
        """The input of the predictor, from z^(0), ..., z^(S): (N, C, H, W).

        Where the image ends within a block, its last known row and column are repeated; where it
        has none, zeros take their place.

        Args:
            symbols: of each scale, (N, C, H, W), as far as they are known.
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
    steps, counts = [], [len(targets) for targets in groups]
    for s in range(scales, 0, -1):
        finer = 0 if shared else s - 1  # scales
        for number, targets in enumerate(groups):
            source = groups[number - 1][0] if number else None
            first = finer * sum(counts) + sum(counts[:number])
            classifiers = tuple(range(first, first + counts[number]))
            predictor = finer * len(groups) + number
            steps.append(CodingStep(s, number, targets, source, predictor, classifiers))
    return tuple(steps)


class Decoder(nn.Module):
    """The predictors and classifiers of coding steps: the part of a network that a decoder runs.

    Args:
        steps: in the order of decoding.
        shapes: of the mixtures of z^(0), ..., z^(S); of z^(S) only channels and levels hold.
        shared: whether one predictor serves all scales, which then share no features.

    Attributes:
        predictors, classifiers: that the steps name by index; a subclass makes them.
    """

    predictors: nn.ModuleList
    classifiers: nn.ModuleList

    def __init__(
        self, steps: Sequence[CodingStep], shapes: Sequence[MixtureShape], shared: bool
    ) -> None:
        super().__init__()
        self.steps, self.shapes, self.shared = tuple(steps), tuple(shapes), shared

    def shape(self, s: int) -> MixtureShape:
        """The mixture of z^(s); its channels and levels also hold for z^(S)."""
        return self.shapes[s]

    def predict(
        self, step: CodingStep, values: Tensor, coarser_features: Tensor | None
    ) -> tuple[list[Tensor], Tensor | None]:
        """Mixture parameters of a step's targets, and the features for the next step.

        Args:
            step: one of `steps`.
            values: of its input, `step.inputs`, float32 (N, C, H, W).
            coarser_features: of the step before; None at the first.

        Returns:
            Mixture parameters (N, P, H', W') for each target, see `Units`: H' = 2H if it is all
            pixels of z^(s-1), else H' = H. And the features (N, Cf, H', W'), or None where the
            next step gets none.
        """
        predictor, classifiers = self.modules_of(step)
        f = predictor(values, coarser_features)
        return [classifier(f) for classifier in classifiers], None if self.shared else f

    def with_modules(
        self, makers: Mapping[type[nn.Module], Callable[[str, Any], nn.Module]]
    ) -> Decoder:
        """A copy with other modules in the place of some.

        Args:
            makers: class of the modules to replace -> name and module -> the one in its place.
        """
        copied = Decoder(self.steps, self.shapes, self.shared)
        copied.predictors, copied.classifiers = self.predictors, self.classifiers
        places: dict[int, nn.Module] = {}
        for name, module in copied.named_modules():
            if type(module) in makers:
                places[id(module)] = makers[type(module)](name, module)
        return copy.deepcopy(copied, places)

    def modules_of(self, step: CodingStep) -> tuple[Predictor, list[ProbabilityClassifier]]:
        """The predictor of a step, and the classifier of each target."""
        classifiers = [self.classifiers[index] for index in step.classifiers]
        return cast(Predictor, self.predictors[step.predictor]), cast(
            list[ProbabilityClassifier], classifiers
        )

    def predictions(self, values: Sequence[Tensor]) -> Iterator[tuple[int, PixelGroup, Tensor]]:
        """The mixture parameters of all targets: s of their z^(s), the target, (N, P, H', W').

        Args:
            values: of z^(0), ..., z^(S), float32 (N, C, H, W).
        """
        features = None
        for step in self.steps:
            outputs, features = self.predict(step, step.inputs(values), features)
            for target, params in zip(step.targets, outputs, strict=True):
                yield step.s - 1, target, params


@dataclass(frozen=True)
class Bottleneck:
    """z^(s): symbols int64 (N, C, H, W), and their values float32 (N, C, H, W)."""

    symbols: Tensor
    values: Tensor


class PyramidNetwork(Decoder):
    """A decoder, and the pyramid that a subclass makes of an image.

    Args:
        settings: shape of the network.
        steps: the coding steps.
        shapes: of the mixtures of z^(0), ..., z^(S); of z^(S) only channels and levels hold.
        unit: whether means and log sigma leave the network in the unit [-1, 1].
        shared: see `Decoder`.

    Attributes:
        known: the pixels of z^(s-1) that z^(s) holds already, if there are any; no step has them
            among its targets.
    """

    known: PixelGroup | None = None
    settings: PyramidSettings

    def __init__(
        self,
        settings: PyramidSettings,
        steps: Sequence[CodingStep],
        shapes: Sequence[MixtureShape],
        unit: bool,
        shared: bool = False,
    ) -> None:
        super().__init__(steps, shapes, shared)
        self.settings, self.scales = settings, settings.scales
        centred = settings.channel_coefficients == "centred"
        finest = {step.predictor: step for step in steps}  # the last step that uses a predictor
        owners = [step for _, step in sorted(finest.items())]
        self.predictors = nn.ModuleList(
            Predictor(
                self.shape(step.source_scale).channels,
                settings.features,
                settings.blocks,
                step.upsample(settings.scales),
            )
            for step in owners
        )
        self.classifiers = nn.ModuleList(
            ProbabilityClassifier(
                settings.features, settings.dilations, Units(self.shape(step.s - 1), unit, centred)
            )
            for step in owners
            for _ in step.targets
        )

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

    def split(self, s: int, mixture_params: Tensor) -> mixture.Mixture:
        """The mixture parameters of z^(s) by kind."""
        return mixture.split(mixture_params, self.shape(s))
