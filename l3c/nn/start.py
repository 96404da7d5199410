"""Sensible starts: a network that begins as a linear predictor of pixels from their neighbours.

At PyTorch's default initialisation every z falls on one level and the network learns nothing
through it for thousands of steps. A family therefore starts with the skip paths of its network as a
linear predictor in the unit [-1, 1]: some channels of the features, the carriers, hold colours;
mixtures are centred on interpolations of them, from narrow to wide, the wider the rarer; the green
mean follows red, and blue follows green, by 0.9 (Eq. 7).

All other filters are Kaiming noise. Those that see the image or its carriers first have no mean and
are amplified: how sure a prediction can be depends on contrasts, which are small beside brightness.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from l3c.nn.layers import (
    LAMBDA_GAIN,
    Predictor,
    ProbabilityClassifier,
    ResidualBlock,
    ResidualStack,
    members,
)
from l3c.nn.pyramid import PyramidNetwork
from l3c.nn.steps import CodingStep, finest

FOLLOW = 0.9  # lambda of G from R and of B from G at the start
CHROMA_GAIN = 1.0  # z of colour differences; more would clip strong colours
CARRIERS = 16  # feature channels that start without noise: the linear predictor and room for more
MARK = 8  # channel of f: 1 where z was sampled, else 0
BRANCH_DAMPING = 0.5  # of the residual branches of two blocks; of more, less: noise adds up
Z_DAMPING = 0.1  # of what channels of z beyond the third see
OUTPUT_DAMPING = 0.002  # of the random part of logits and log sigma
PIXEL_SIGMA = (4.5 / 127.5, 2.3 / 127.5, 2.3 / 127.5)  # of R, and of G and B given the ones before
Z_SIGMA = 0.07
SAMPLED_PIXEL, SAMPLED_Z = 0.25, 0.02  # factors on sigma at the marked positions
NARROWEST, WIDEST = 0.25, 8.0  # components of a mixture, in these sigma
RARITY = 0.5  # a component's weight falls with this power of its width
CONTRAST_IMAGE = 3.0  # gain of filters without mean on the image and on f,
CONTRAST_CARRIERS = 6.0  # and on a predictor's carriers

Sampled = Literal["marked", "nowhere"]
"""Where a classifier can know that its symbol was sampled into the coarser scale."""


@torch.no_grad()
def noise(network: PyramidNetwork) -> None:
    """Kaiming noise everywhere, residual branches damped, carriers left out of them."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            _damp_branch(module.conv2, network.blocks)
        elif isinstance(module, ResidualStack):
            _damp_branch(module.last, network.blocks)


def owners(network: PyramidNetwork) -> list[CodingStep]:
    """The finest step of each predictor."""
    return finest(network.steps, lambda step: (step.predictor,))


def modules_of(
    network: PyramidNetwork, step: CodingStep
) -> tuple[Predictor, list[ProbabilityClassifier]]:
    """The predictor and the classifiers of a step."""
    classifiers = members(network.classifiers, ProbabilityClassifier)
    predictor = members(network.predictors, Predictor)[step.predictor]
    return predictor, [classifiers[index] for index in step.classifiers]


def alone(row: int, column: int) -> Tensor:
    """A 3x3 kernel with one 1."""
    kernel = torch.zeros(3, 3)
    kernel[row, column] = 1
    return kernel


def _damp_branch(convolution: nn.Conv2d, blocks: int) -> None:
    convolution.weight.mul_(BRANCH_DAMPING * math.sqrt(2 / max(blocks, 2)))
    convolution.weight[:CARRIERS] = 0


def see_contrast(weight: Tensor, gain: float) -> None:
    """Takes the mean out of each 3x3 kernel and amplifies the rest."""
    weight.sub_(weight.mean((2, 3), keepdim=True)).mul_(gain)


def identity(convolution: nn.Conv2d, source: int, target: int) -> None:
    """Copies a channel."""
    middle = convolution.kernel_size[0] // 2
    convolution.weight[target, source, middle, middle] = 1


@torch.no_grad()
def start_predictor(predictor: Predictor, learned: bool) -> None:
    """Colours into channels 3..5, bilinear interpolation of them into channels 0..2 of f.

    Channels 6 and 7 of the stack are added as gradients, and start at zero; channel 8 of f marks
    the positions that z was sampled from.

    Args:
        predictor: that upsamples after its stack.
        learned: z holds luma and colour of every fourth pixel; otherwise means of R, G, B.
    """
    head = predictor.head.weight
    head[:CARRIERS] = 0
    if learned:
        head[3:6, :3, 0, 0] = luma_and_colour().inverse()
    else:
        for c in range(3):
            head[3 + c, c, 0, 0] = 1
    see_contrast_of(predictor)
    assert predictor.up is not None
    up = predictor.up.conv.weight  # output 4 c + 2 row + column of the pixel shuffle
    up[: 4 * CARRIERS] = 0
    for row in range(2):
        for column in range(2):
            kernel = torch.outer(_bilinear(row, learned), _bilinear(column, learned))
            for c in range(3):
                up[4 * c + 2 * row + column, 3 + c] = kernel
                up[4 * c + 2 * row + column, 6, 1, 1] = 2.0 * column - 1
                up[4 * c + 2 * row + column, 7, 1, 1] = 2.0 * row - 1
    if learned:
        bias = predictor.up.conv.bias
        assert bias is not None
        bias[4 * MARK] = 1


def see_contrast_of(predictor: Predictor) -> None:
    """Makes the first block see contrasts of the carriers."""
    first = next(iter(members(predictor.stack.blocks, ResidualBlock)), None)
    if first is not None:
        see_contrast(first.conv1.weight[:, :CARRIERS], CONTRAST_CARRIERS)


def _bilinear(phase: int, sampled: bool) -> Tensor:
    """Weights of positions i - 1, i, i + 1 for position 2i + phase of the finer scale.

    Args:
        phase: 0 or 1.
        sampled: position i is 2i of the finer scale, otherwise the mean of 2i and 2i + 1.
    """
    if sampled:
        return torch.tensor([0.0, 1.0, 0.0] if phase == 0 else [0.0, 0.5, 0.5])
    return torch.tensor([0.25, 0.75, 0.0] if phase == 0 else [0.0, 0.75, 0.25])


def luma_and_colour() -> Tensor:
    """Luma (R + 2 G + B) / 4 and the scaled differences R - G and B - G."""
    g = CHROMA_GAIN
    return torch.tensor([[0.25, 0.5, 0.25], [g, -g, 0.0], [0.0, -g, g]])


@torch.no_grad()
def start_classifier(
    classifier: ProbabilityClassifier,
    kernels: Tensor,
    sampled: Sampled,
    z_from_carriers: Tensor | None = None,
) -> None:
    """Mixtures centred on what kernels make of the carriers.

    Args:
        classifier: to fill.
        kernels: (sources, 3, 3) on channels 0..2, 3..5, ... of the features.
        sampled: where z was sampled from, so that it knows the pixel.
        z_from_carriers: (3, 3), what makes z of them, for classifiers of a learned z.
    """
    shape, gain = classifier.shape, classifier.gain
    c, k = shape.channels, shape.mixtures
    branch = classifier.branches[0]
    assert isinstance(branch, nn.Conv2d)
    see_contrast(branch.weight[:, : 3 * len(kernels)], CONTRAST_IMAGE)
    branch.weight[:3] = 0
    for i in range(3):
        branch.weight[i, i : 3 * len(kernels) : 3] = kernels
    if sampled == "marked":
        branch.weight[3] = 0
        identity(branch, MARK, 3)
    out, bias = classifier.out.weight, classifier.out.bias
    assert bias is not None
    out.mul_(OUTPUT_DAMPING)
    kinds = (4, c, k) if shape.coupled else (3, c, k)  # coupled: three channels, three lambdas
    weight, start = out.view(*kinds, -1), bias.view(*kinds)
    weight[1] = 0
    width = torch.linspace(math.log(NARROWEST), math.log(WIDEST), k) if k > 1 else torch.zeros(1)
    if shape.coupled:
        centre = torch.eye(3)
        sigma = torch.tensor(PIXEL_SIGMA)
        start[3] = torch.tensor([FOLLOW, 0.0, FOLLOW])[:, None]  # G from R, B from R, B from G
        if classifier.centred:
            start[3] /= LAMBDA_GAIN
        else:
            centre[1, 0] = centre[2, 1] = -FOLLOW
            start[1, 1:] = -FOLLOW  # x is a symbol, 127.5 (x' + 1): the mean gets the 1 back
        if shape.sigmoid:
            start[3] = torch.logit(start[3].clamp(min=0.02))
    else:
        assert z_from_carriers is not None
        centre = torch.zeros(c, 3)
        centre[:3] = z_from_carriers
        sigma = torch.full((c,), Z_SIGMA)
    weight[1, :, :, :3] += centre.unsqueeze(1)
    narrow = math.log(SAMPLED_PIXEL if shape.coupled else SAMPLED_Z)
    if sampled == "marked":
        weight[:, :, :, 3] = 0
        weight[2, :, :, 3] = narrow / gain
    start[0] = -RARITY * width / gain
    start[2] = (sigma.log().unsqueeze(1) + width) / gain
