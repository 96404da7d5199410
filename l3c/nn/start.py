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

import torch
from torch import Tensor, nn

from l3c.nn.layers import (
    LAMBDA_GAIN,
    Conv,
    Predictor,
    ProbabilityClassifier,
    ResidualBlock,
    ResidualStack,
)
from l3c.nn.pyramid import Decoder

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


@torch.no_grad()
def noise(network: Decoder) -> None:
    """Kaiming noise everywhere; residual branches damped, carriers left out of them.

    The first block of each predictor sees contrasts of the carriers.
    """
    damping = BRANCH_DAMPING * math.sqrt(2 / max(network.settings.blocks, 2))
    for module in network.modules():
        if isinstance(module, Conv):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(_bias(module))
    for module in network.modules():
        if isinstance(module, ResidualBlock | ResidualStack):
            last = module.conv2 if isinstance(module, ResidualBlock) else module.last
            last.weight.mul_(damping)
            last.weight[:CARRIERS] = 0
        elif isinstance(module, Predictor) and len(module.stack.blocks):
            first = module.stack.blocks[0]
            assert isinstance(first, ResidualBlock)
            see_contrast(first.conv1.weight[:, :CARRIERS], CONTRAST_CARRIERS)


def see_contrast(weight: Tensor, gain: float) -> None:
    """Takes the mean out of each 3x3 kernel and amplifies the rest."""
    weight.sub_(weight.mean((2, 3), keepdim=True)).mul_(gain)


def luma_and_colour() -> Tensor:
    """Luma (R + 2 G + B) / 4 and the scaled differences R - G and B - G."""
    g = CHROMA_GAIN
    return torch.tensor([[0.25, 0.5, 0.25], [g, -g, 0.0], [0.0, -g, g]])


@torch.no_grad()
def start_predictor(predictor: Predictor, learned: bool) -> None:
    """Colours into channels 3..5, bilinear interpolation of them into channels 0..2 of f.

    Channels 6 and 7 of the stack are added as gradients, and start at zero; channel 8 of f marks
    the positions that z was sampled from.

    Args:
        predictor: that upsamples after its stack.
        learned: z holds luma and colour of every fourth pixel; otherwise means of R, G, B.
    """
    assert predictor.up is not None
    head, up = predictor.head.weight, predictor.up.conv.weight
    head[:CARRIERS] = 0
    head[3:6, :3, 0, 0] = luma_and_colour().inverse() if learned else torch.eye(3)
    up[: 4 * CARRIERS] = 0  # output 4 c + 2 row + column of the pixel shuffle
    for row in range(2):
        for column in range(2):
            kernel = torch.outer(_bilinear(row, learned), _bilinear(column, learned))
            for c in range(3):
                target = up[4 * c + 2 * row + column]
                target[3 + c] = kernel
                target[6, 1, 1] = 2.0 * column - 1
                target[7, 1, 1] = 2.0 * row - 1
    if learned:
        _bias(predictor.up.conv)[4 * MARK] = 1


def _bilinear(phase: int, sampled: bool) -> Tensor:
    """Weights of positions i - 1, i, i + 1 for position 2i + phase of the finer scale.

    Args:
        phase: 0 or 1.
        sampled: position i is 2i of the finer scale, otherwise the mean of 2i and 2i + 1.
    """
    if sampled:
        return torch.tensor([0.0, 1.0, 0.0] if phase == 0 else [0.0, 0.5, 0.5])
    return torch.tensor([0.25, 0.75, 0.0] if phase == 0 else [0.0, 0.75, 0.25])


@torch.no_grad()
def start_classifier(
    classifier: ProbabilityClassifier, kernels: Tensor, marked: bool = False
) -> None:
    """Mixtures centred on what kernels make of the carriers.

    Args:
        classifier: of pixels, whose lambdas are centred, or of a z that is luma and colour.
        kernels: (sources, 3, 3) on channels 0..2, 3..5, ... of the features.
        marked: z was sampled where the features say so (`MARK`), and knows the pixel there.
    """
    shape, gain = classifier.units.shape, classifier.units.gain
    c, k = shape.channels, shape.mixtures
    branch = classifier.branches[0].weight
    assert isinstance(branch, Tensor)
    see_contrast(branch[:, : 3 * len(kernels)], CONTRAST_IMAGE)
    branch[:3] = 0
    for i in range(3):
        branch[i, i : 3 * len(kernels) : 3] = kernels
    classifier.out.weight.mul_(OUTPUT_DAMPING)
    kinds = (4, c, k) if shape.coupled else (3, c, k)  # coupled: three channels, three lambdas
    weight, bias = classifier.out.weight.view(*kinds, -1), _bias(classifier.out).view(*kinds)
    if shape.coupled:
        centre, sigma, narrow = torch.eye(3), torch.tensor(PIXEL_SIGMA), SAMPLED_PIXEL
        follow = torch.tensor([FOLLOW, 0.0, FOLLOW])  # G from R, B from R, B from G
        bias[3] = follow[:, None] / LAMBDA_GAIN
    else:
        centre, sigma, narrow = torch.zeros(c, 3), torch.full((c,), Z_SIGMA), SAMPLED_Z
        centre[:3] = luma_and_colour()
    weight[1] = 0
    weight[1, :, :, :3] += centre.unsqueeze(1)
    width = torch.linspace(math.log(NARROWEST), math.log(WIDEST), k) if k > 1 else torch.zeros(1)
    bias[0] = -RARITY * width / gain
    bias[2] = (sigma.log().unsqueeze(1) + width) / gain
    if marked:
        branch[3] = 0
        branch[3, MARK, 1, 1] = 1
        weight[:, :, :, 3] = 0
        weight[2, :, :, 3] = math.log(narrow) / gain


def _bias(convolution: Conv) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias
