"""The network of the causal family in float32, for training, and its conversion to integers.

A pixel's R, G and B are predicted together from 24 decoded neighbours (7 wide, 3 up): 86 inputs
(coder/CAUSAL.md), hidden layers with a leaky ReLU of slope 1/8, and 12 K outputs, the parameters of
a mixture of K logistics for each channel. Means are offsets from MED; those of G and B move with
lambda times the distance of R and G from theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
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
from l3c.models.base import Model
from l3c.models.causal import NAME, CausalCodec
from l3c.models.tile_codec import Kind, UnsupportedError
from l3c.settings import FrozenSettings

UP = SIDE = 3  # rows and columns of neighbours around a crop
OUTSIDE = 128
EDGE_EVERY = 8  # one crop of so many is trained on as a tile of its own, with the edges of one
INPUT_SCALE = 1 / 16  # inputs are integers within +-255
MEAN_SCALE = 8.0  # an output of 1 moves a mean by 8 levels
BLOCK = 2048  # pixels whose activations stay in the cache
TOP = 16383  # largest unit of a hidden layer
LOWEST = 2 ** (15 - SLOPE)  # minus the smallest one
CALIBRATION_PIXELS = 1 << 16
ROOM = 3.0  # between the largest unit seen and TOP: clipping costs far more than precision


class CausalSettings(FrozenSettings):
    """Size of a network: 86 width + (hidden - 1) width^2 + 12 K width products for each pixel."""

    width: int = Field(112, ge=16, le=512, multiple_of=16, description="outputs of a hidden layer")
    hidden: int = Field(3, ge=1, le=7, description="hidden layers")
    mixtures: Literal[1, 2, 4, 8] = Field(4, description="K, logistics of each mixture")


class Causal(Model):
    """Inputs (N, 86) as `crop_inputs` gives them -> parameters (N, 12 K), float32.

    The parameters: logits (3, K), means as offsets from MED in levels (3, K), log sigma (3, K),
    lambda (3, K) of R for G, of R for B, of G for B.
    """

    family: ClassVar[str] = NAME
    Settings: ClassVar[type[CausalSettings]] = CausalSettings
    arithmetics: ClassVar[tuple[Kind, ...]] = ("integer",)
    settings: CausalSettings
    parts = ("x",)

    def __init__(self, settings: CausalSettings) -> None:
        super().__init__()
        self.settings = settings
        sizes = [INPUTS] + [settings.width] * settings.hidden
        self.hidden = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))
        self.last = nn.Linear(settings.width, 12 * settings.mixtures)
        units = np.repeat([1, MEAN_SCALE, 1, 1], 3 * settings.mixtures).astype(np.float32)
        self.register_buffer("unit", torch.from_numpy(units), persistent=False)
        self.unit: Tensor

    def initialize(self, seed: int) -> None:
        """See `Model`: components start on different scales, G and B coupled by 0.8."""
        torch.manual_seed(seed)
        K = self.settings.mixtures
        with torch.no_grad():
            for layer in self.linear():
                std = (0.2 if layer is self.last else 1) / math.sqrt(layer.in_features)
                nn.init.normal_(layer.weight, std=std)
                nn.init.zeros_(layer.bias)
            self.last.bias[6 * K : 9 * K] = torch.linspace(0, 2.5, K).repeat(3)
            self.last.bias[9 * K : 10 * K] = self.last.bias[11 * K :] = 0.8

    def linear(self) -> list[nn.Linear]:
        """All layers, the last one at the end."""
        return [m for m in [*self.hidden, self.last] if isinstance(m, nn.Linear)]

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """See `Model`: the square matrices between hidden layers, and all else."""
        squares = self.muon_params()
        known = {id(p) for p in squares}
        return {"squares": squares, "rest": [p for p in self.parameters() if id(p) not in known]}

    def muon_params(self) -> list[nn.Parameter]:
        """See `Model`."""
        names = {f"hidden.{i}.weight" for i in range(1, len(self.hidden))}
        return [parameter for name, parameter in self.named_parameters() if name in names]

    def forward(self, inputs: Tensor) -> Tensor:
        """Parameters (N, 12 K)."""
        h = inputs * INPUT_SCALE
        for layer in self.hidden:
            h = nn.functional.leaky_relu(layer(h), 2.0**-SLOPE)
        return self.last(h) * self.unit

    def loss(self, images: Tensor) -> dict[str, Tensor]:
        """See `Model`: the margins of a crop are neighbours only; the sum is scaled up for them."""
        crops = images.permute(0, 2, 3, 1).cpu().numpy().copy()
        for crop in crops[::EDGE_EVERY]:
            cut_edges(crop)
        bits = _Bits.apply(self, crops, *self.parameters())
        inner = (crops.shape[1] - UP) * (crops.shape[2] - 2 * SIDE)
        return {"x": bits * (crops.shape[1] * crops.shape[2] / inner)}

    def bits(self, images: Tensor) -> dict[str, Tensor]:
        """See `Model`: each image is a tile."""
        tiles = [whole_tile(each) for each in images.permute(0, 2, 3, 1).cpu().numpy()]
        return {"x": torch.tensor(bits_and_gradients(self, np.concatenate(tiles), False)[0])}

    def codec(
        self, device: str = "cpu", integers: Mapping[str, Tensor] | None = None
    ) -> CausalCodec:
        """See `Model`."""
        if integers is None or device != "cpu":
            raise UnsupportedError("the causal family codes in integers on the CPU")
        arrays = {name: value.numpy() for name, value in integers.items()}
        return CausalCodec(CausalNetwork.from_arrays(arrays))

    def to_integers(self, images: Sequence[npt.NDArray[np.uint8]]) -> dict[str, Tensor]:
        """See `Model`."""
        inputs = np.concatenate([crop_inputs(whole_tile(image))[0].numpy() for image in images])
        some = inputs[:: -(-len(inputs) // CALIBRATION_PIXELS)]
        arrays: Mapping[str, Any] = integer_network(self, some).to_arrays()
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def integer_facts(self, integers: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `Model`: the largest partial sum of every layer, as proved."""
        sums = self.codec("cpu", integers).network.largest_sums
        return {"largest_partial_sum": {f"layer {i}": each for i, each in enumerate(sums)}}


def cut_edges(crop: npt.NDArray[np.uint8]) -> None:
    """Gives a crop the margins of a tile (coder/CAUSAL.md), in place."""
    crop[:, -SIDE:] = crop[:, -SIDE - 1 : -SIDE]
    crop[1:, :SIDE] = crop[:-1, SIDE : SIDE + 1]
    crop[:UP] = OUTSIDE
    crop[UP, :SIDE] = OUTSIDE


def whole_tile(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """An image with the margins of a tile, as one crop (1, 3 + h, 3 + w + 3, 3)."""
    crop = np.pad(pixels, ((UP, 0), (SIDE, SIDE), (0, 0)))
    cut_edges(crop)
    return crop[None]


def crop_inputs(
    crops: npt.NDArray[np.uint8],
) -> tuple[Tensor, npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """What the network sees of crops with margins, pixel by pixel.

    Args:
        crops: uint8 (n, 3 + h, 3 + w + 3, 3), three rows above and three columns on either side.

    Returns:
        Inputs, int16 (n h w, 86); MED, int16 (n h w, 3); the pixels, uint8 (n h w, 3).
    """
    count = crops.shape[0] * (crops.shape[1] - UP) * (crops.shape[2] - 2 * SIDE)
    inputs, med = np.empty((count, INPUTS), np.int16), np.empty((count, 3), np.int16)
    x = np.empty((count, 3), np.uint8)
    _causal.crop_inputs(np.ascontiguousarray(crops), inputs, med, x)
    return torch.from_numpy(inputs), med, x


class _Bits(torch.autograd.Function):
    """Bits of the pixels of crops, and their gradients by all parameters.

    Gradients are found with the bits, by hand and block by block: autograd over a whole batch
    spends more time on memory than on products.
    """

    @staticmethod
    def forward(
        ctx: Any, network: Causal, crops: npt.NDArray[np.uint8], *parameters: Tensor
    ) -> Tensor:
        bits, gradients = bits_and_gradients(network, crops, any(ctx.needs_input_grad))
        ctx.save_for_backward(*(each.to(parameters[0].device) for each in gradients))
        return torch.tensor(bits, dtype=torch.float32, device=parameters[0].device)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Any:
        return (None, None, *(outer[0] * gradient for gradient in ctx.saved_tensors))


@torch.no_grad()
def bits_and_gradients(
    network: Causal, crops: npt.NDArray[np.uint8], wanted: bool = True
) -> tuple[float, list[Tensor]]:
    """Bits of all pixels, and their gradients in the order of `network.parameters()` if wanted.

    They are computed on the CPU, wherever the network is; under autocast the products of hidden
    layers are computed in its type.
    """
    inputs, med, x = crop_inputs(crops)
    device = network.unit.device.type
    low = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32
    relu = torch.ops.aten.leaky_relu_.default
    relu_back = torch.ops.aten.leaky_relu_backward.grad_input
    slope, total = 2.0**-SLOPE, 0.0
    layers = [(layer.weight.cpu(), layer.bias.cpu()) for layer in network.linear()]
    weights = [weight.to(low) for weight, _ in layers[:-1]]
    biases = [bias.to(low) for _, bias in layers[:-1]]
    unit = network.unit.cpu()
    last, last_bias = layers[-1][0] * unit[:, None], layers[-1][1] * unit
    sums = [(torch.zeros_like(weight), torch.zeros_like(bias)) for weight, bias in layers]
    with torch.autocast("cpu", enabled=False):
        for start in range(0, len(inputs), BLOCK):
            block = slice(start, start + BLOCK)
            units = [inputs[block].to(low).mul_(INPUT_SCALE)]
            for weight, bias in zip(weights, biases, strict=True):
                units.append(relu(torch.addmm(bias, units[-1], weight.T), slope))
            top = units[-1].float()
            mixture = torch.addmm(last_bias, top, last.T)
            g = torch.empty_like(mixture)
            total += _causal.loss(mixture.numpy(), med[block], x[block], g.numpy())
            if not wanted:
                continue
            _add(sums[-1], g, top)
            d = g.to(low) @ last.to(low)
            for i in range(len(weights) - 1, -1, -1):
                relu_back(d, units[i + 1], slope, True, grad_input=d)
                _add(sums[i], d, units[i])
                if i:
                    d = d @ weights[i]
    if not wanted:
        return total, []
    sums[-1][0].mul_(unit[:, None])
    sums[-1][1].mul_(unit)
    return total, [gradient for pair in sums for gradient in pair]


def _add(sums: tuple[Tensor, Tensor], d: Tensor, inputs: Tensor) -> None:
    sums[0].add_(d.T @ inputs)
    sums[1].add_(d.sum(0))


def integer_network(network: Causal, inputs: npt.NDArray[np.int16]) -> CausalNetwork:
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
