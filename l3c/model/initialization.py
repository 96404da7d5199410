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

The pixels of a scale are independent given z. If z were the mean of four pixels, the mean would be
paid for twice, in z and in the four; a sampled pixel that z knows is nearly free where it comes
again. On photographs this start is 0.3 (L = 50) to 0.5 bpsp (L = 80) below the same with means.

All other filters are Kaiming noise. Those that see the image or its carriers first have no mean and
are amplified: how sure a prediction can be depends on contrasts, which are small beside brightness.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from l3c.model.extractor import Extractor
from l3c.model.head import LAMBDA_GAIN, ProbabilityClassifier
from l3c.model.layers import ResidualBlock, ResidualStack
from l3c.model.network import Network
from l3c.model.predictor import Predictor

FOLLOW = 0.9  # lambda of G from R and of B from G at the start
CHROMA_GAIN = 1.0  # z of colour differences; more would clip strong colours
CARRIERS = 16  # feature channels that start without noise: the linear predictor and room for more
MARK = 8  # channel of f: 1 where z was sampled, else 0
BRANCH_DAMPING = 0.5  # of the residual branches
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
    learned = settings.kind == "l3c"
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            _damp_branch(module.conv2)
        elif isinstance(module, ResidualStack):
            _damp_branch(module.last)
        elif isinstance(module, Extractor):
            _start_extractor(module)
        elif isinstance(module, Predictor):
            _start_predictor(module, learned)
        elif isinstance(module, ProbabilityClassifier):
            _start_classifier(module, learned)


def _damp_branch(convolution: nn.Conv2d) -> None:
    convolution.weight.mul_(BRANCH_DAMPING)
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
    first = next((m for m in predictor.stack.blocks if isinstance(m, ResidualBlock)), None)
    if first is not None:
        _see_contrast(first.conv1.weight, CONTRAST_CARRIERS)
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


def _start_classifier(classifier: ProbabilityClassifier, learned: bool) -> None:
    shape, gain = classifier.shape, classifier.gain
    c, k = shape.channels, shape.mixtures
    branch = classifier.branches[0]
    assert isinstance(branch, nn.Conv2d)
    _see_contrast(branch.weight[:, :3], CONTRAST_IMAGE)
    branch.weight[:3] = 0
    for i in range(3):
        _identity(branch, i, i)
    if learned:
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
        centre[:3] = _z_from_color()
        sigma = torch.full((c,), Z_SIGMA)
    weight[1, :, :, :3] += centre.unsqueeze(1)
    if learned:
        weight[:, :, :, 3] = 0
        weight[2, :, :, 3] = math.log(SAMPLED_PIXEL if shape.coupled else SAMPLED_Z) / gain
    start[0] = -RARITY * width / gain
    start[2] = (sigma.log().unsqueeze(1) + width) / gain
