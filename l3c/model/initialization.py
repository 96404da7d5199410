"""The "pyramid" initialisation: a network that starts as a sensible image model.

At PyTorch's default initialisation every z falls on one level and the network learns nothing
through it
for thousands of steps. Here the skip paths start as a linear predictor in the unit [-1, 1]:

* extractors: channels 0..2 of the features carry R, G, B averaged over 2x2 blocks; z holds luma,
  two colour differences, and what a bilinear interpolation misses of the horizontal and vertical
  gradient;
* predictors: channels 3..5 of the features carry R, G, B again, 6 and 7 the gradients; upsampling
  interpolates them bilinearly into channels 0..2 of f;
* classifiers: mixtures centred on that interpolation, the means of one mixture spread around it;
  the green mean follows red, and blue follows green, by 0.9 (Eq. 7).

Everything else is Kaiming noise, damped where it would disturb this start.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from l3c.model.extractor import Extractor
from l3c.model.head import ProbabilityClassifier
from l3c.model.layers import ResidualBlock, ResidualStack
from l3c.model.network import Network
from l3c.model.predictor import Predictor

FOLLOW = 0.9  # lambda of G from R and of B from G at the start
CHROMA_GAIN = 1.0  # z of colour differences; more would clip strong colours
GRADIENT_GAIN = 1.5  # z of gradients
RESIDUAL_DAMPING = 0.1
CARRIERS = 8  # feature channels that carry the linear predictor: nothing else is added to them
PIXEL_SIGMA = (8.0 / 127.5, 4.0 / 127.5, 4.0 / 127.5)  # of R, and of G and B given the ones before
Z_SIGMA = 0.12
SPREAD = 2.0  # means of a mixture lie within this many sigma of its centre


@torch.no_grad()
def initialize(network: Network, seed: int) -> None:
    """Fills all weights in place; "default" keeps PyTorch's, seeded.

    Raises:
        ValueError: "pyramid" with fewer than 8 feature channels or the paper's parametrisation.
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
            module.conv2.weight.mul_(RESIDUAL_DAMPING)
            module.conv2.weight[:CARRIERS] = 0
        elif isinstance(module, ResidualStack):
            module.last.weight.mul_(RESIDUAL_DAMPING)
            module.last.weight[:CARRIERS] = 0
        elif isinstance(module, Extractor):
            _start_extractor(module)
        elif isinstance(module, Predictor):
            _start_predictor(module, learned)
        elif isinstance(module, ProbabilityClassifier):
            _start_classifier(module)


def _identity(convolution: nn.Conv2d, source: int, target: int, gain: float = 1.0) -> None:
    middle = convolution.kernel_size[0] // 2
    convolution.weight[target, source, middle, middle] = gain


def _start_extractor(extractor: Extractor) -> None:
    extractor.head.weight[:3] = 0
    extractor.down.weight[:5] = 0
    for c in range(3):
        _identity(extractor.head, c, c)
        extractor.down.weight[c, c, 2:4, 2:4] = 0.25  # pixels 2i and 2i + 1
        # half the difference right - left, less an eighth of the neighbours' difference (bilinear)
        gradient = torch.tensor([0.0, 0.125, -0.5, 0.5, -0.125])
        average = torch.tensor([0.0, 0.0, 0.5, 0.5, 0.0])
        extractor.down.weight[3, c] = torch.outer(average, gradient) / 3
        extractor.down.weight[4, c] = torch.outer(gradient, average) / 3
    z = extractor.to_z.weight
    z[:5] = 0
    z[5:] *= RESIDUAL_DAMPING
    z[0, :3, 0, 0] = torch.tensor([0.25, 0.5, 0.25])
    z[1, :3, 0, 0] = torch.tensor([1.0, -1.0, 0.0]) * CHROMA_GAIN
    z[2, :3, 0, 0] = torch.tensor([0.0, -1.0, 1.0]) * CHROMA_GAIN
    for i in range(3, min(5, len(z))):
        z[i, i, 0, 0] = GRADIENT_GAIN


def _start_predictor(predictor: Predictor, learned: bool) -> None:
    head = predictor.head.weight
    head[:CARRIERS] = 0
    if learned:
        head[3:6, :3, 0, 0] = _color_from_z()
        for i in range(3, min(5, head.shape[1])):
            head[3 + i, i, 0, 0] = 1 / GRADIENT_GAIN
    else:
        for c in range(3):
            head[3 + c, c, 0, 0] = 1
    up = predictor.up.conv.weight  # output 4 c + 2 row + column of the pixel shuffle
    up[: 4 * CARRIERS] = 0
    for row in range(2):
        for column in range(2):
            kernel = torch.outer(_bilinear(row), _bilinear(column))
            for c in range(3):
                target = up[4 * c + 2 * row + column]
                target[3 + c] = kernel
                if learned:
                    target[6, 1, 1] = 2.0 * column - 1
                    target[7, 1, 1] = 2.0 * row - 1


def _bilinear(phase: int) -> Tensor:
    return torch.tensor([0.25, 0.75, 0.0] if phase == 0 else [0.0, 0.75, 0.25])


def _color_from_z() -> Tensor:
    """R, G, B from luma (R + 2 G + B) / 4 and the scaled differences R - G and B - G."""
    d = 1 / CHROMA_GAIN
    return torch.tensor(
        [[1.0, 0.75 * d, -0.25 * d], [1.0, -0.25 * d, -0.25 * d], [1.0, -0.25 * d, 0.75 * d]]
    )


def _start_classifier(classifier: ProbabilityClassifier) -> None:
    shape = classifier.shape
    c, k = shape.channels, shape.mixtures
    branch = classifier.branches[0]
    assert isinstance(branch, nn.Conv2d)
    branch.weight[:3] = 0
    for i in range(3):
        _identity(branch, i, i)
    out, bias = classifier.out.weight, classifier.out.bias
    assert bias is not None
    out.mul_(RESIDUAL_DAMPING)
    weight = out.view(-1, c, k, out.shape[1]) if not shape.coupled else out.view(4, c, k, -1)
    start = bias.view(-1, c, k) if not shape.coupled else bias.view(4, c, k)
    spread = torch.linspace(-SPREAD, SPREAD, k) if k > 1 else torch.zeros(1)
    weight[1] = 0
    if shape.coupled:
        centre = torch.tensor([[1.0, 0, 0], [-FOLLOW, 1.0, 0], [0, -FOLLOW, 1.0]])
        sigma = torch.tensor(PIXEL_SIGMA)
        start[1, 1:] = -FOLLOW  # x is a symbol, 127.5 (x' + 1): the mean gets the 1 back
        follow = math.log(FOLLOW / (1 - FOLLOW)) if shape.sigmoid else FOLLOW
        start[3, 0] = start[3, 2] = follow  # G from R, B from G; B from R starts at 0
        if shape.sigmoid:
            start[3, 1] = -4.0
    else:
        centre = torch.zeros(c, 3)
        centre[0] = torch.tensor([0.25, 0.5, 0.25])
        centre[1] = torch.tensor([1.0, -1.0, 0.0]) * CHROMA_GAIN
        centre[2] = torch.tensor([0.0, -1.0, 1.0]) * CHROMA_GAIN
        sigma = torch.full((c,), Z_SIGMA)
    weight[1, :, :, :3] += centre.unsqueeze(1)
    start[1] += spread * sigma.unsqueeze(1)
    start[2] = sigma.log().unsqueeze(1)
