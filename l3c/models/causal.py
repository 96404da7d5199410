"""The network of the causal family in float32, for training, and its conversion to integers.

A pixel's R, G and B are predicted together from 24 decoded neighbours (7 wide, 3 up): 86 inputs
(coder/CAUSAL.md), hidden layers with a leaky ReLU of slope 1/8, and 12 K outputs, the parameters of
a mixture of K logistics for each channel. Means are offsets from MED; those of G and B move with
lambda times the distance of R and G from theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from coder import _causal
from coder.causal import (
    GRID_BITS,
    INPUT_LIMIT,
    INPUTS,
    SLOPE,
    SUM_LIMIT,
    CausalNetwork,
    Layer,
    WeightError,
)

INPUT_SCALE = 1 / 16  # inputs are integers within +-255
MEAN_SCALE = 8.0  # an output of 1 moves a mean by 8 levels
BLOCK = 2048  # pixels whose activations stay in the cache
TOP = 16383  # largest unit of a hidden layer
LOWEST = 2 ** (15 - SLOPE)  # minus the smallest one
ROOM = 3.0  # between the largest unit seen and TOP: clipping costs far more than precision


@dataclass(frozen=True)
class CausalSettings:
    """Size of a network: 86 width + (hidden - 1) width^2 + 12 K width products for each pixel.

    Args:
        width: outputs of each hidden layer, a multiple of 16, at most 512.
        hidden: hidden layers, 1..7.
        mixtures: K: 1, 2, 4 or 8.
    """

    width: int = 112
    hidden: int = 3
    mixtures: int = 4


class CausalPredictor(nn.Module):
    """Inputs (N, 86) as `crop_inputs` gives them -> parameters (N, 12 K), float32.

    The parameters: logits (3, K), means as offsets from MED in levels (3, K), log sigma (3, K),
    lambda (3, K) of R for G, of R for B, of G for B.
    """

    def __init__(self, settings: CausalSettings) -> None:
        super().__init__()
        self.settings = settings
        K = settings.mixtures
        sizes = [INPUTS] + [settings.width] * settings.hidden
        self.hidden = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))
        self.last = nn.Linear(settings.width, 12 * K)
        for layer in self.linear()[:-1]:
            nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.last.weight, std=0.2 / math.sqrt(settings.width))
        nn.init.zeros_(self.last.bias)
        with torch.no_grad():
            self.last.bias[6 * K : 9 * K] = torch.linspace(0, 2.5, K).repeat(3)
            self.last.bias[9 * K : 10 * K] = self.last.bias[11 * K :] = 0.8
        self.unit = torch.cat(
            [torch.ones(3 * K), torch.full((3 * K,), MEAN_SCALE), torch.ones(6 * K)]
        )

    def linear(self) -> list[nn.Linear]:
        """All layers, the last one at the end."""
        return [m for m in [*self.hidden, self.last] if isinstance(m, nn.Linear)]

    def forward(self, inputs: Tensor) -> Tensor:
        """Parameters (N, 12 K)."""
        h = inputs * INPUT_SCALE
        for layer in self.hidden:
            h = nn.functional.leaky_relu(layer(h), 2.0**-SLOPE)
        return self.last(h) * self.unit


def crop_inputs(
    crops: npt.NDArray[np.uint8],
) -> tuple[Tensor, npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """What the network sees of crops with margins, pixel by pixel.

    Args:
        crops: uint8 (n, 3 + h, 3 + w + 3, 3), three rows above and three columns on either side.

    Returns:
        Inputs, int16 (n h w, 86); MED, int16 (n h w, 3); the pixels, uint8 (n h w, 3).
    """
    count = crops.shape[0] * (crops.shape[1] - 3) * (crops.shape[2] - 6)
    inputs, med = np.empty((count, INPUTS), np.int16), np.empty((count, 3), np.int16)
    x = np.empty((count, 3), np.uint8)
    _causal.crop_inputs(np.ascontiguousarray(crops), inputs, med, x)
    return torch.from_numpy(inputs), med, x


def mixture_bits(
    parameters: Tensor, med: npt.NDArray[np.int16], x: npt.NDArray[np.uint8]
) -> tuple[float, Tensor]:
    """Bits of the pixels under their mixtures, summed, and the gradient by the parameters."""
    gradient = torch.empty_like(parameters)
    return _causal.loss(parameters.numpy(), med, x, gradient.numpy()), gradient


@torch.no_grad()
def bits_per_subpixel(
    network: CausalPredictor,
    inputs: Tensor,
    med: npt.NDArray[np.int16],
    x: npt.NDArray[np.uint8],
) -> float:
    """Cross-entropy of pixels in float32."""
    total = 0.0
    for start in range(0, len(inputs), BLOCK):
        block = slice(start, start + BLOCK)
        total += mixture_bits(network(inputs[block]), med[block], x[block])[0]
    return total / x.size


@torch.no_grad()
def backward(
    network: CausalPredictor,
    inputs: Tensor,
    med: npt.NDArray[np.int16],
    x: npt.NDArray[np.uint8],
    low: torch.dtype = torch.float32,
) -> float:
    """Fills the gradients of the mean bits for a sub-pixel, which it returns.

    By hand, block by block: autograd over a whole batch spends more time on memory than on
    products.

    Args:
        network: whose `grad` is replaced.
        inputs: as `crop_inputs` returns them, like the next two.
        med: MED.
        x: the pixels.
        low: type of the hidden layers' products; float32 or bfloat16.
    """
    relu = torch.ops.aten.leaky_relu_.default
    relu_back = torch.ops.aten.leaky_relu_backward.grad_input
    slope, total = 2.0**-SLOPE, 0.0
    layers = network.linear()
    weights = [layer.weight.to(low) for layer in layers[:-1]]
    biases = [layer.bias.to(low) for layer in layers[:-1]]
    last = network.last.weight * network.unit[:, None]
    last_bias = network.last.bias * network.unit
    sums = [(torch.zeros_like(layer.weight), torch.zeros_like(layer.bias)) for layer in layers]
    for start in range(0, len(inputs), BLOCK):
        block = slice(start, start + BLOCK)
        units = [inputs[block].to(low).mul_(INPUT_SCALE)]
        for weight, bias in zip(weights, biases, strict=True):
            units.append(relu(torch.addmm(bias, units[-1], weight.T), slope))
        top = units[-1].float()
        bits, g = mixture_bits(torch.addmm(last_bias, top, last.T), med[block], x[block])
        total += bits
        _add(sums[-1], g, top)
        d = g.to(low) @ last.to(low)
        for i in range(len(weights) - 1, -1, -1):
            relu_back(d, units[i + 1], slope, True, grad_input=d)
            _add(sums[i], d, units[i])
            if i:
                d = d @ weights[i]
    sums[-1][0].mul_(network.unit[:, None])
    sums[-1][1].mul_(network.unit)
    for layer, (weight_sum, bias_sum) in zip(layers, sums, strict=True):
        layer.weight.grad, layer.bias.grad = weight_sum / x.size, bias_sum / x.size
    return total / x.size


def _add(sums: tuple[Tensor, Tensor], d: Tensor, inputs: Tensor) -> None:
    sums[0].add_(d.T @ inputs)
    sums[1].add_(d.sum(0))


def to_integers(network: CausalPredictor, inputs: npt.NDArray[np.int16]) -> CausalNetwork:
    """The network as the coder runs it.

    Hidden units get a scale each, so that three times the largest one seen fits; the
    weights of a layer are as fine as 16 bits, and 32 for the sums, allow.

    Args:
        network: trained.
        inputs: inputs of pixels to calibrate with, (N, 86), as varied as the images to come.

    Raises:
        WeightError: the weights are too large to be converted.
    """
    linear = network.linear()
    h = inputs * INPUT_SCALE
    unit_in, limit, layers = np.full(INPUTS, 1 / INPUT_SCALE), INPUT_LIMIT, []
    for i, module in enumerate(linear):
        weight = module.weight.detach().double().numpy()
        bias = module.bias.detach().double().numpy()
        last = i + 1 == len(linear)
        if last:
            grid = np.repeat(2.0 ** np.array(GRID_BITS), len(weight) // len(GRID_BITS))
            unit = grid * network.unit.double().numpy()
        else:
            z = h @ weight.T + bias
            h = np.maximum(z, z * 2.0**-SLOPE)
            reach = np.maximum(h.max(0) / TOP, -h.min(0) / LOWEST)
            unit = np.minimum(1 / (ROOM * np.maximum(reach, 1e-9)), 4096.0)
        layers.append(_integer_layer(weight * unit[:, None] / unit_in, bias * unit, limit, last))
        unit_in, limit = unit, max(TOP, LOWEST)
    return CausalNetwork(layers)


def _integer_layer(
    weight: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], limit: int, last: bool
) -> Layer:
    """Weights and biases times the largest power of two, 2^1 to 2^24, that the bounds allow."""
    shift = np.zeros(len(weight), np.int32)
    for k in range(1, 25):
        w = np.abs(np.rint(weight * 2.0**k))
        sums = w.sum(1) * limit + np.abs(bias) * 2.0**k + 2.0 ** (k - 1)
        shift[(w.max(1) < 2**15) & (sums + 1 < SUM_LIMIT)] = k
    if not shift.all():
        raise WeightError("weights too large for 16 bits, or for sums of 32")
    if not last:
        shift[:] = shift.min()
    scale = 2.0**shift
    return Layer(
        np.rint(weight * scale[:, None]).astype(np.int16),
        (np.rint(bias * scale) + scale / 2).astype(np.int32),
        shift,
        TOP,
    )
