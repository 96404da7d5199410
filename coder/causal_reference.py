"""The causal codec in NumPy's int64, in which nothing can overflow: causal.c gives the same bytes.

It reads as CAUSAL.md does: features of all pixels, layers, parameters, order of coding.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coder.causal import BIAS_BITS, GRID_BITS, SLOPE, CausalNetwork, Layer, lanes_of
from coder.leb128 import join
from coder.reference import Pixel, RangeEncoder
from coder.shape import MixtureShape
from coder.tables import LAMBDA_BITS, LAMBDA_LIMIT, MU_BITS

Integers = npt.NDArray[np.int64]

UP = SIDE = 3
OUTSIDE = 128
LEAST_MEAN, MOST_MEAN = -(2**15), 2**15 + 2**16 - 1


def padded(pixels: npt.NDArray[np.uint8]) -> Integers:
    """The tile (H, W, 3) with its surroundings, (H + 3, W + 6, 3).

    Three rows of 128 above; to the left of a row the first pixel of the row above (128 at the top),
    to its right its own last one: pixel (y, x) sees nothing that is decoded after it.
    """
    height, width, _ = pixels.shape
    out = np.full((height + UP, width + 2 * SIDE, 3), OUTSIDE, np.int64)
    out[UP:, SIDE : SIDE + width] = pixels
    out[UP:, SIDE + width :] = pixels[:, -1:]
    out[UP + 1 :, :SIDE] = pixels[:-1, :1]
    return out


def med(left: Integers, up: Integers, corner: Integers) -> Integers:
    """Median of left, up and left + up - corner."""
    low, high = np.minimum(left, up), np.maximum(left, up)
    return np.clip(left + up - corner, low, high)


def log(v: Integers) -> Integers:
    """16 log2(v + 1), linear between powers of two, rounded down."""
    exponent = np.frexp((v + 1).astype(np.float64))[1].astype(np.int64) - 1  # exact
    return 16 * exponent + (((v + 1) << 4) >> exponent) - 16


def features(pixels: npt.NDArray[np.uint8]) -> tuple[Integers, Integers]:
    """Inputs of the first layer (H, W, 86), and MED (H, W, 3)."""
    tile = padded(pixels)
    height, width, _ = pixels.shape

    def at(up: int, right: int) -> Integers:
        rows = slice(UP - up, UP - up + height)
        return tile[rows, SIDE + right : SIDE + right + width]

    W, WW, N, NW, NE, NWW = at(0, -1), at(0, -2), at(1, 0), at(1, -1), at(1, 1), at(1, -2)
    NN, NNW, NNE, NNWW = at(2, 0), at(2, -1), at(2, 1), at(2, -2)
    anchor = med(W, N, NW)
    errors = (
        np.abs(W - med(WW, NW, NWW))
        + np.abs(N - med(NW, NN, NNW))
        + np.abs(NW - med(NWW, NNW, NNWW))
        + np.abs(NE - med(N, NNE, NN))
    )
    across = np.abs(W - WW) + np.abs(N - NW) + np.abs(N - NE)
    down = np.abs(W - NW) + np.abs(N - NN) + np.abs(NE - NNE)
    places = [(up, right) for up in (3, 2, 1) for right in range(-3, 4)]
    places += [(0, right) for right in (-3, -2, -1)]
    parts = [at(*place) - anchor for place in places]
    parts += [anchor - 128, anchor[..., [0, 2]] - anchor[..., [1, 1]]]
    parts += [log(errors) - 64, log(across) - 64, log(down) - 64]
    return np.concatenate(parts, axis=2), anchor


def layer_outputs(layer: Layer, inputs: Integers, last: bool) -> Integers:
    """Units of a hidden layer, or shifted sums of the last one: (N, outputs) from (N, inputs)."""
    sums = (inputs @ layer.weights.T.astype(np.int64) + layer.bias) >> layer.shift
    if last:
        return sums
    units = np.clip(sums, -(2**15), 2**15 - 1)
    return np.minimum(np.maximum(units, units >> SLOPE), layer.top)


def order(height: int, width: int) -> npt.NDArray[np.int64]:
    """Numbers y W + x of all pixels in the order of coding: by x + 4 y, then from the top."""
    y, x = np.divmod(np.arange(height * width), width)
    return np.lexsort((y, x + 4 * y))


def parameters(
    pixels: npt.NDArray[np.uint8], network: CausalNetwork, bias: npt.NDArray[np.int8]
) -> Integers:
    """Mixture parameters on the coder's grids, (pixels, 12 K), in the order of coding."""
    height, width, _ = pixels.shape
    inputs, anchor = features(pixels)
    which = order(height, width)
    values, anchor = inputs.reshape(-1, inputs.shape[2])[which], anchor.reshape(-1, 3)[which]
    for i, layer in enumerate(network.layers):
        values = layer_outputs(layer, values, i + 1 == len(network.layers))
    scale = 2 ** np.subtract(GRID_BITS, BIAS_BITS)
    values = values + (bias.reshape(4, -1) * scale[:, None]).ravel()
    logits, mean, sigma, raw = np.split(values.reshape(len(values), 12, -1), 4, axis=1)
    lam = np.clip(raw, -LAMBDA_LIMIT, LAMBDA_LIMIT)
    mean = np.clip(mean, 2 * LEAST_MEAN, 2 * MOST_MEAN) + (anchor[:, :, None] << MU_BITS)
    mean = np.clip(mean, LEAST_MEAN, MOST_MEAN)
    r, g = anchor[:, 0, None], anchor[:, 1, None]
    drop = LAMBDA_BITS - MU_BITS
    mean[:, 1] -= (lam[:, 0] * r) >> drop
    mean[:, 2] -= ((lam[:, 1] * r) >> drop) + ((lam[:, 2] * g) >> drop)
    return np.concatenate([logits, mean, sigma, lam], axis=1).reshape(len(values), -1)


def encode_tile(
    pixels: npt.NDArray[np.uint8], network: CausalNetwork, bias: npt.NDArray[np.int8]
) -> bytes:
    """The payload that `coder.causal.encode_tile` writes, given the bias."""
    height, width, _ = pixels.shape
    shape = MixtureShape(3, 256, network.mixtures, coupled=True)
    symbols = pixels.reshape(-1, 3)[order(height, width)].tolist()
    lanes = [RangeEncoder() for _ in range(lanes_of(height, width))]
    y, x = np.divmod(order(height, width), width)
    step = x + 4 * y
    number = np.arange(len(step)) - np.searchsorted(step, step)  # of a pixel within its step
    for i, row in enumerate(parameters(pixels, network, bias)):
        pixel = Pixel(row, shape)
        for c, v in enumerate(symbols[i]):
            mixture = pixel.mixture(c, symbols[i][:c])
            lanes[number[i] % len(lanes)].encode(mixture.cdf(v), mixture.cdf(v + 1))
    head = b"\1" + bias.tobytes() if bias.any() else b"\0"
    return head + join([lane.finish() for lane in lanes])
