"""The decoder of a pyramid network in integers: predictors, feature fusion, classifiers.

It mirrors `l3c.nn.layers.Predictor` and `ProbabilityClassifier`, convolution by convolution. Its
outputs are the parameters of the mixtures on the coder's grids (coder/CDF.md, Sec. 1).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from coder.shape import MixtureShape
from coder.tables import LAMBDA_BITS
from l3c.integer import exact
from l3c.integer.convolution import BoundError, Bounds, IntegerConvolution, as_int64
from l3c.integer.grids import parameter_grids
from l3c.nn.layers import members
from l3c.nn.pyramid import PyramidNetwork
from l3c.nn.steps import CodingStep, Upsampling, finest

IDENTITY_BYTES = 8
VERSION = 1  # of the arithmetic: another definition of any operation is another identity


class IntegerBlock(nn.Module):
    """x + conv2(relu(conv1(x))); the clipping of conv1 at 0 is the relu."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = IntegerConvolution(features, features, 3)
        self.conv2 = IntegerConvolution(features, features, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cf, H, W) -> (N, Cf, H, W)."""
        y: Tensor = self.conv2(self.conv1(x), x)
        return y


class IntegerPredictor(nn.Module):
    """Symbols as 2 symbol - (L - 1), and the features of the step before -> features.

    One grid serves the residual stream from its head to its end, and what is added to its start:
    adding is exact.
    """

    def __init__(self, channels: int, features: int, blocks: int, upsample: Upsampling) -> None:
        super().__init__()
        self.upsample = upsample
        self.head = IntegerConvolution(channels, features, 1)
        self.blocks = nn.ModuleList(IntegerBlock(features) for _ in range(blocks))
        self.last = IntegerConvolution(features, features, 3)
        self.up = None if upsample == "none" else IntegerConvolution(features, 4 * features, 3)

    def forward(self, z: Tensor, coarser_features: Tensor | None) -> Tensor:
        """(N, C, H, W) and features, see `l3c.nn.layers.Predictor` -> (N, Cf, H', W')."""
        if self.up is not None and self.upsample == "before":
            upsampled = functional.pixel_shuffle(self.up(coarser_features), 2)
            coarser_features = upsampled[:, :, : z.shape[2], : z.shape[3]]
        x = start = self.head(z, coarser_features)
        for block in self.blocks:
            x = block(x)
        x = self.last(x, start)
        if self.up is not None and self.upsample == "after":
            x = functional.pixel_shuffle(self.up(x), 2)
        return x


class IntegerClassifier(nn.Module):
    """f^(s) -> parameters of the mixture of z^(s-1) on the coder's grids."""

    def __init__(
        self, features: int, dilations: tuple[int, ...], shape: MixtureShape, centred: bool
    ) -> None:
        super().__init__()
        self.shape = shape
        self.centred = centred
        self.branches = nn.ModuleList(
            IntegerConvolution(features, features, 3, dilation) for dilation in dilations
        )
        self.out = IntegerConvolution(features * len(dilations), shape.parameters, 1)

    def forward(self, f: Tensor) -> Tensor:
        """(N, Cf, H, W) -> int32 (N, P, H, W), in the order of `MixtureShape`."""
        branches = [branch(f) for branch in self.branches]
        out = self.out(torch.cat(branches, dim=1) if len(branches) > 1 else branches[0])
        return uncentre(out.int(), self.shape) if self.centred else out.int()


def uncentre(parameters: Tensor, shape: MixtureShape) -> Tensor:
    """Means of G and B for lambdas that multiply values, not residuals.

    See `ProbabilityClassifier`.

    Args:
        parameters: int32 (N, P, H, W), changed in place. |mu| < 2^17 and |lambda| <= 2^14, so that
            products fit 32 bits.
        shape: of three coupled channels.
    """
    k = shape.mixtures
    r, g, b = (parameters[:, (3 + c) * k : (4 + c) * k] for c in range(3))
    g_r, b_r, b_g = (parameters[:, (9 + c) * k : (10 + c) * k] for c in range(3))
    half = 1 << (LAMBDA_BITS - 1)
    by_g = (b_g * g).add_(half).bitwise_right_shift_(LAMBDA_BITS)  # while g is the centred mean
    b.sub_((b_r * r).add_(half).bitwise_right_shift_(LAMBDA_BITS)).sub_(by_g)
    g.sub_((g_r * r).add_(half).bitwise_right_shift_(LAMBDA_BITS))
    return parameters


@dataclass(frozen=True)
class Layer:
    """A convolution of the network with what bounds its sums."""

    name: str
    convolution: IntegerConvolution
    inputs: Bounds
    residual: Bounds | None


class IntegerNetwork(nn.Module):
    """The predictors and classifiers of a pyramid network.

    Its state is integers only. Before use it must be filled, `check`ed, and `prepare`d, which moves
    it to a device: it serves one codec.

    Args:
        network: whose steps and shapes it takes; zeros everywhere.
    """

    def __init__(self, network: PyramidNetwork) -> None:
        super().__init__()
        self.steps = network.steps
        self.shapes = network.shapes
        self.scales = network.scales
        self.shared = network.shared
        self.dilations = network.dilations
        self.centred = network.centred
        self.features = features = network.features
        self.predictors = nn.ModuleList(
            IntegerPredictor(
                self.input_shape(step).channels, features, network.blocks, step.upsample
            )
            for step in self.owners()
        )
        self.classifiers = nn.ModuleList(
            IntegerClassifier(
                features,
                self.dilations,
                self.shapes[step.s - 1],
                self.centred and self.shapes[step.s - 1].coupled,
            )
            for step in finest(self.steps, lambda step: step.classifiers)
        )
        self._memory_format = torch.channels_last
        self._device = torch.device("cpu")

    @property
    def interlaced(self) -> bool:
        """Whether a scale takes several steps."""
        return any(step.group for step in self.steps)

    def input_shape(self, step: CodingStep) -> MixtureShape:
        """Channels and levels of the input of a step."""
        return self.shapes[step.source_scale]

    def owners(self) -> list[CodingStep]:
        """The finest step of each predictor."""
        return finest(self.steps, lambda step: (step.predictor,))

    def layers(self) -> Iterator[Layer]:
        """Every convolution, the coarsest scale first, with the bounds of what enters it."""
        coarser: Bounds | None = None
        predictors = members(self.predictors, IntegerPredictor)
        classifiers = members(self.classifiers, IntegerClassifier)
        owners = self.owners()
        for step in self.steps:
            if step not in owners:
                continue
            predictor = predictors[step.predictor]
            where = f"scale {step.s}" + (f", step {step.group}" if self.interlaced else "")
            name = f"{where}, predictor"
            if predictor.up is not None and predictor.upsample == "before":
                assert coarser is not None
                yield Layer(f"{name}, up", predictor.up, coarser, None)
                coarser = shuffled(predictor.up.bounds)
            top = np.full(self.input_shape(step).channels, self.input_shape(step).levels - 1)
            yield Layer(f"{name}, head", predictor.head, Bounds(-top, top), coarser)
            x = predictor.head.bounds
            for i, block in enumerate(members(predictor.blocks, IntegerBlock), start=1):
                yield Layer(f"{name}, block {i}, conv1", block.conv1, x, None)
                yield Layer(f"{name}, block {i}, conv2", block.conv2, block.conv1.bounds, x)
                x = block.conv2.bounds
            yield Layer(f"{name}, last", predictor.last, x, predictor.head.bounds)
            f = predictor.last.bounds
            if predictor.up is not None and predictor.upsample == "after":
                yield Layer(f"{name}, up", predictor.up, f, None)
                f = shuffled(predictor.up.bounds)
            for number, index in enumerate(step.classifiers, start=1):
                name = f"{where}, classifier" + (f" {number}" if self.interlaced else "")
                branches = members(classifiers[index].branches, IntegerConvolution)
                for i, branch in enumerate(branches, start=1):
                    yield Layer(f"{name}, branch {i}", branch, f, None)
                b = concatenated([branch.bounds for branch in branches])
                yield Layer(f"{name}, out", classifiers[index].out, b, None)
            coarser = f if step.passes_features else None

    def check(self) -> dict[str, int]:
        """The largest magnitude that any partial sum of each convolution can have, by its name.

        Raises:
            BoundError: one exceeds what float32 carries exactly.
        """
        for classifier in members(self.classifiers, IntegerClassifier):
            _, low, high = parameter_grids(classifier.shape)
            clips = classifier.out.bounds
            if (clips.low < low).any() or (clips.high > high).any():
                raise BoundError("classifier, out: clips beyond the coder's grids")
        return {
            layer.name: layer.convolution.check(layer.inputs, layer.residual, layer.name)
            for layer in self.layers()
        }

    def prepare(
        self,
        device: torch.device,
        memory_format: torch.memory_format = torch.channels_last,
    ) -> IntegerNetwork:
        """Makes it ready to run on a device: float32 carriers, and a test of the arithmetic there.

        Raises:
            exact.InexactError: this machine rounds where it must not.
        """
        exact.check(device, self.features)
        self.to(device)
        self._device, self._memory_format = device, memory_format
        for layer in self.layers():
            layer.convolution.prepare(memory_format)
        return self

    def predict(
        self, step: CodingStep, symbols: Tensor, coarser_features: Tensor | None
    ) -> tuple[list[Tensor], Tensor | None]:
        """Mixture parameters of a step's targets, and the features for the next step.

        Args:
            step: one of `steps`.
            symbols: of its input, int64 (N, C, H, W), each in 0..L-1.
            coarser_features: as given back by the step before; None at the first.

        Returns:
            int32 (N, P, H', W') on the coder's grids for each target, and the features, integers
            in float32, see `PyramidNetwork.predict`.
        """
        with exact.exact_arithmetic(self._device):
            z = (2 * symbols - (self.input_shape(step).levels - 1)).float()
            z = z.contiguous(memory_format=self._memory_format)
            f = self.predictors[step.predictor](z, coarser_features)
            params = [self.classifiers[index](f) for index in step.classifiers]
            return params, f if step.passes_features else None

    def identity(self) -> bytes:
        """8 bytes of a SHA-256 over all that the parameters depend on, and nothing else."""
        shape = {
            "version": VERSION,
            "scales": self.scales,
            "shared": self.shared,
            "dilations": self.dilations,
            "centred": self.centred,
            "shapes": [
                (shape.channels, shape.levels, shape.mixtures, shape.coupled, shape.sigmoid)
                for shape in self.shapes
            ],
        }
        if self.interlaced:
            shape["interlaced"] = True
        digest = hashlib.sha256(json.dumps(shape, sort_keys=True).encode())
        for name, value in sorted(self.state_dict().items()):
            digest.update(f"{name} {tuple(value.shape)}".encode())
            digest.update(as_int64(value).astype("<i8").tobytes())
        return digest.digest()[:IDENTITY_BYTES]


def shuffled(bounds: Bounds) -> Bounds:
    """Of channels after a pixel shuffle by 2: the widest of the four that each is made of."""
    return Bounds(bounds.low.reshape(-1, 4).min(axis=1), bounds.high.reshape(-1, 4).max(axis=1))


def concatenated(parts: list[Bounds]) -> Bounds:
    """Of the channels of several tensors, one after the other."""
    return Bounds(
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
    )
