"""The integer path in NumPy's int64, where no integer of it can overflow or be rounded.

It is slow, and what all other carriers are compared with: the definition of docs/integer.md, line
by line, from the same integers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from coder.tables import LAMBDA_BITS
from l3c.integer.convolution import IntegerConvolution, as_int64
from l3c.integer.network import IntegerBlock, IntegerClassifier, IntegerNetwork, IntegerPredictor
from l3c.nn.layers import members
from l3c.nn.steps import CodingStep

Integers = npt.NDArray[np.int64]


def predict(
    network: IntegerNetwork,
    step: CodingStep,
    symbols: Integers,
    coarser_features: Integers | None,
) -> tuple[list[Integers], Integers | None]:
    """What `IntegerNetwork.predict` gives, for one image.

    Args:
        network: filled.
        step: one of its steps.
        symbols: of its input, (C, H, W).
        coarser_features: that the step before gave (Cf, H, W); None at the first.

    Returns:
        Parameters on the coder's grids (P, H', W') for each target, and features (Cf, H', W').
    """
    predictor = members(network.predictors, IntegerPredictor)[step.predictor]
    z = 2 * symbols.astype(np.int64) - (network.input_shape(step).levels - 1)
    if predictor.up is not None and predictor.upsample == "before":
        assert coarser_features is not None
        upsampled = pixel_shuffle(convolve(predictor.up, coarser_features))
        coarser_features = upsampled[:, : z.shape[1], : z.shape[2]]
    x = start = convolve(predictor.head, z, coarser_features)
    for block in members(predictor.blocks, IntegerBlock):
        x = convolve(block.conv2, convolve(block.conv1, x), x)
    f = convolve(predictor.last, x, start)
    if predictor.up is not None and predictor.upsample == "after":
        f = pixel_shuffle(convolve(predictor.up, f))
    classifiers = members(network.classifiers, IntegerClassifier)
    params = [classify(classifiers[index], f) for index in step.classifiers]
    return params, f if step.passes_features else None


def classify(classifier: IntegerClassifier, f: Integers) -> Integers:
    """Features (Cf, H, W) -> parameters on the coder's grids (P, H, W)."""
    branches = [convolve(branch, f) for branch in members(classifier.branches, IntegerConvolution)]
    parameters = convolve(classifier.out, np.concatenate(branches))
    return uncentre(parameters, classifier.shape.mixtures) if classifier.centred else parameters


def convolve(layer: IntegerConvolution, x: Integers, residual: Integers | None = None) -> Integers:
    """clip(rne(a / 2^shift) + residual, low, high), a = bias + sum of weight * x: (I, H, W)."""
    weight, bias, shift, low, high = (
        as_int64(values)
        for values in (layer.weight, layer.bias, layer.shift, layer.low, layer.high)
    )
    reach = layer.padding * 2 + 1
    padded = np.pad(x, [(0, 0), (layer.padding,) * 2, (layer.padding,) * 2])
    windows = sliding_window_view(padded, (reach, reach), axis=(1, 2))
    windows = windows[:, :, :, :: layer.dilation, :: layer.dilation]  # (I, H, W, k, k)
    a = np.einsum("oikl,ihwkl->ohw", weight, windows) + bias[:, None, None]
    y = np.stack([round_shift(channel, int(k)) for channel, k in zip(a, shift, strict=True)])
    if residual is not None:
        y = y + residual
    return y.clip(low[:, None, None], high[:, None, None])


def round_shift(a: Integers, shift: int) -> Integers:
    """A / 2^shift, rounded to the nearest integer, ties to even."""
    if shift <= 0:
        return a << -shift
    whole, rest, half = a >> shift, a & ((1 << shift) - 1), 1 << (shift - 1)
    return whole + ((rest > half) | ((rest == half) & (whole & 1 == 1)))


def pixel_shuffle(x: Integers) -> Integers:
    """(4 C, H, W) -> (C, 2H, 2W): channel 4 c + 2 row + column to that place of a 2x2 block."""
    channels, height, width = x.shape
    blocks = x.reshape(channels // 4, 2, 2, height, width)
    return blocks.transpose(0, 3, 1, 4, 2).reshape(channels // 4, 2 * height, 2 * width)


def uncentre(parameters: Integers, mixtures: int) -> Integers:
    """See `path.uncentre`: (P, H, W)."""
    parts = parameters.reshape(12, mixtures, *parameters.shape[1:])
    logits, (r, g, b), log_sigma, (g_r, b_r, b_g) = parts[:3], parts[3:6], parts[6:9], parts[9:]

    def times(lam: Integers, mu: Integers) -> Integers:
        return (lam * mu + (1 << (LAMBDA_BITS - 1))) >> LAMBDA_BITS

    means = np.stack([r, g - times(g_r, r), b - times(b_r, r) - times(b_g, g)])
    return np.concatenate([logits, means, log_sigma, parts[9:]]).reshape(parameters.shape)
