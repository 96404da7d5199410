"""The "pyramid" initialisation: a network that starts as a sensible image model.

At PyTorch's default initialisation every z falls on one level and the network learns nothing
through it for thousands of steps. Here the skip paths start as a linear predictor in the unit
[-1, 1]:

* extractors: channels 0..2 of the features carry R, G, B of every second pixel of every second row;
  z holds their luma and two colour differences;
* predictors: channels 3..5 of the features carry R, G, B again; upsampling interpolates them
  bilinearly into channels 0..2 of f, and adds 6 and 7 as gradients, which start at zero; channel 8
  marks the positions that z was sampled from;
* classifiers: mixtures centred on that interpolation, from narrow to wide, the wider the rarer; the
  green mean follows red, and blue follows green, by 0.9 (Eq. 7). At the marked positions they are
  as narrow as the quantizer's step.

Interlaced networks need no interpolation of z alone: channels 0..2 carry z, 3..5 the pixels A and
6..8 the pixels B (see `l3c.model.stages`) of the same features, and the classifiers start as means
of the neighbours that are known. Where z is predicted, these are z's own channels, not colours.

The pixels of a scale are independent given z. If z were the mean of four pixels, the mean would be
paid for twice, in z and in the four; a sampled pixel that z knows is nearly free where it comes
again. On photographs this start is 0.3 (L = 50) to 0.5 bpsp (L = 80) below the same with means.

All other filters are Kaiming noise. Those that see the image or its carriers first have no mean and
are amplified: how sure a prediction can be depends on contrasts, which are small beside brightness.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from l3c.model.extractor import Extractor
from l3c.model.head import LAMBDA_GAIN, ProbabilityClassifier
from l3c.model.layers import ResidualBlock, ResidualStack, members
from l3c.model.network import Network
from l3c.model.predictor import Predictor
from l3c.model.stages import C_BELOW, C_RIGHT, A, B, Lattice, Stage, finest

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

Sampled = Literal["everywhere", "marked", "nowhere"]


@torch.no_grad()
def initialize(network: Network, seed: int) -> None:
    """Fills all weights in place; "default" keeps PyTorch's, seeded.

    Raises:
        ValueError: "pyramid" with the paper's parametrisation.
    """
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.reset_parameters()
    settings = network.settings
    if settings.initialization == "default":
        return
    if settings.parametrization != "unit":
        raise ValueError('initialization "pyramid" needs parametrization "unit"')
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            _damp_branch(module.conv2, settings.blocks)
        elif isinstance(module, ResidualStack):
            _damp_branch(module.last, settings.blocks)
        elif isinstance(module, Extractor):
            _start_extractor(module)
    for stage in finest(network.stages, lambda stage: (stage.predictor,)):
        if network.settings.interlaced:
            _start_interlaced(network, stage)
        else:
            _start_joint(network, stage)


def _start_joint(network: Network, stage: Stage) -> None:
    learned = network.settings.kind == "l3c"
    predictor = members(network.predictors, Predictor)[stage.predictor]
    _start_predictor(predictor, learned)
    for classifier in _classifiers(network, stage):
        sampled: Sampled = "marked" if learned else "nowhere"
        _start_classifier(classifier, _alone(1, 1)[None], sampled, _z_from_color())


def _start_interlaced(network: Network, stage: Stage) -> None:
    learned = network.settings.kind == "l3c"
    predictor = members(network.predictors, Predictor)[stage.predictor]
    head = predictor.head.weight
    head[:CARRIERS] = 0
    from_z = learned and stage.s == 1 and stage.source is None  # to pixels, in R, G, B
    first = 3 * stage.group
    head[first : first + 3, :3, 0, 0] = _z_from_color().inverse() if from_z else torch.eye(3)
    _see_contrast_of(predictor)
    if predictor.up is not None:
        predictor.up.conv.weight[: 4 * CARRIERS] = 0
    for target, classifier in zip(stage.targets, _classifiers(network, stage), strict=True):
        known = learned and target == A
        kernels = _from_neighbours(target) if learned else _from_means(target)
        sampled: Sampled = "everywhere" if known else "nowhere"
        _start_classifier(classifier, kernels, sampled, torch.eye(3))


def _classifiers(network: Network, stage: Stage) -> list[ProbabilityClassifier]:
    found = members(network.classifiers, ProbabilityClassifier)
    return [found[index] for index in stage.classifiers]


def _alone(row: int, column: int) -> Tensor:
    """A 3x3 kernel with one 1."""
    kernel = torch.zeros(3, 3)
    kernel[row, column] = 1
    return kernel


def _from_neighbours(target: Lattice) -> Tensor:
    """The mean of the known pixels next to the target: kernels (3, 3, 3) on z, A and B."""
    kernels = torch.zeros(3, 3, 3)
    if target == A:
        kernels[0] = _alone(1, 1)  # z is A
    elif target == B:
        kernels[1, 1:, 1:] = 0.25
    elif target == C_RIGHT:
        kernels[1, 1, 1:] = kernels[2, :2, 1] = 0.25
    else:
        kernels[1, 1:, 1] = kernels[2, 1, :2] = 0.25
    return kernels


def _from_means(target: Lattice) -> Tensor:
    """The same where z is the mean of a block: interpolated for A and B.

    Both C together are what A and B leave of the mean; how they differ is taken from their
    neighbours. That is averaged with the mean of the neighbours.
    """
    kernels = torch.zeros(3, 3, 3)
    if target in (A, B):
        kernels[0] = torch.outer(_bilinear(target.row, False), _bilinear(target.column, False))
        return kernels
    kernels[0] = 2 * _alone(1, 1)
    kernels[1:] = -0.5 * _alone(1, 1)
    right, below = _from_neighbours(C_RIGHT), _from_neighbours(C_BELOW)
    kernels += (right - below) / 2 if target == C_RIGHT else (below - right) / 2
    return (kernels + _from_neighbours(target)) / 2


def _damp_branch(convolution: nn.Conv2d, blocks: int) -> None:
    convolution.weight.mul_(BRANCH_DAMPING * math.sqrt(2 / max(blocks, 2)))
    convolution.weight[:CARRIERS] = 0


def _see_contrast(weight: Tensor, gain: float) -> None:
    """Takes the mean out of each 3x3 kernel and amplifies the rest."""
    weight.sub_(weight.mean((2, 3), keepdim=True)).mul_(gain)


def _identity(convolution: nn.Conv2d, source: int, target: int) -> None:
    middle = convolution.kernel_size[0] // 2
    convolution.weight[target, source, middle, middle] = 1


def _start_extractor(extractor: Extractor) -> None:
    _see_contrast(extractor.head.weight, CONTRAST_IMAGE)
    extractor.head.weight[:3] = 0
    extractor.down.weight[:3] = 0
    for c in range(3):
        _identity(extractor.head, c, c)
        _identity(extractor.down, c, c)  # pixel 2i
    z = extractor.to_z.weight
    z[:3] = 0
    z[3:] *= Z_DAMPING
    z[:3, :3, 0, 0] = _z_from_color()


def _start_predictor(predictor: Predictor, learned: bool) -> None:
    head = predictor.head.weight
    head[:CARRIERS] = 0
    if learned:
        head[3:6, :3, 0, 0] = _z_from_color().inverse()
    else:
        for c in range(3):
            head[3 + c, c, 0, 0] = 1
    _see_contrast_of(predictor)
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


def _see_contrast_of(predictor: Predictor) -> None:
    first = next(iter(members(predictor.stack.blocks, ResidualBlock)), None)
    if first is not None:
        _see_contrast(first.conv1.weight[:, :CARRIERS], CONTRAST_CARRIERS)


def _bilinear(phase: int, sampled: bool) -> Tensor:
    """Weights of positions i - 1, i, i + 1 for position 2i + phase of the finer scale.

    Args:
        phase: 0 or 1.
        sampled: position i is 2i of the finer scale, otherwise the mean of 2i and 2i + 1.
    """
    if sampled:
        return torch.tensor([0.0, 1.0, 0.0] if phase == 0 else [0.0, 0.5, 0.5])
    return torch.tensor([0.25, 0.75, 0.0] if phase == 0 else [0.0, 0.75, 0.25])


def _z_from_color() -> Tensor:
    """Luma (R + 2 G + B) / 4 and the scaled differences R - G and B - G."""
    g = CHROMA_GAIN
    return torch.tensor([[0.25, 0.5, 0.25], [g, -g, 0.0], [0.0, -g, g]])


def _start_classifier(
    classifier: ProbabilityClassifier,
    kernels: Tensor,
    sampled: Sampled,
    z_from_carriers: Tensor,
) -> None:
    """Mixtures centred on what kernels make of the carriers.

    Args:
        classifier: to fill.
        kernels: (sources, 3, 3) on channels 0..2, 3..5, ... of the features.
        sampled: where z was sampled from, so that it knows the pixel.
        z_from_carriers: (3, 3), what makes z of them, where it is z that is predicted.
    """
    shape, gain = classifier.shape, classifier.gain
    c, k = shape.channels, shape.mixtures
    branch = classifier.branches[0]
    assert isinstance(branch, nn.Conv2d)
    _see_contrast(branch.weight[:, : 3 * len(kernels)], CONTRAST_IMAGE)
    branch.weight[:3] = 0
    for i in range(3):
        branch.weight[i, i : 3 * len(kernels) : 3] = kernels
    if sampled == "marked":
        branch.weight[3] = 0
        _identity(branch, MARK, 3)
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
        centre = torch.zeros(c, 3)
        centre[:3] = z_from_carriers
        sigma = torch.full((c,), Z_SIGMA)
    weight[1, :, :, :3] += centre.unsqueeze(1)
    narrow = math.log(SAMPLED_PIXEL if shape.coupled else SAMPLED_Z)
    if sampled == "marked":
        weight[:, :, :, 3] = 0
        weight[2, :, :, 3] = narrow / gain
    start[0] = -RARITY * width / gain
    known = narrow if sampled == "everywhere" else 0.0
    start[2] = (sigma.log().unsqueeze(1) + width + known) / gain
