"""What a model expects to see: images sampled from the coarser scales (L3C Sec. 5.4, Table 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from l3c.codec import RGB, Codec
from l3c.model.mixture import sample
from l3c.model.network import Network
from l3c.torch_state import fixed_state


@dataclass(frozen=True)
class Sample:
    """An image of which some scales were stored and the finer ones sampled.

    Attributes:
        name: what was sampled: "truth" for nothing, then "x", "x-z1", "x-z1-z2", ...
        image: uint8 (H, W, 3).
        bpsp: cross-entropy of what was stored, in bits per sub-pixel of the image.
    """

    name: str
    image: RGB
    bpsp: float


def uniform_bpsp(network: Network, height: int, width: int) -> float:
    """What z^(S) costs, by its number of symbols alone, in bits per sub-pixel of the image.

    C log2(L) / (3 * 4^S) for every image whose sides 2^S divides: 5 log2(25) / 192 = 0.121 for the
    paper's network (Sec. 5.4).
    """
    scales = network.scales
    top = network.shape(scales)
    symbols = top.channels * math.prod(-(-side >> scales) for side in (height, width))
    return symbols * math.log2(top.levels) / (3 * height * width)


@fixed_state()
def sample_scales(codec: Codec, rgb: RGB, seed: int = 0) -> list[Sample]:
    """The image itself, then x sampled given z^(1)..z^(S), x and z^(1) given z^(2)..z^(S), and on.

    Args:
        codec: of the model.
        rgb: uint8 (H, W, 3).
        seed: of the random numbers; each sample has its own stream of them.
    """
    network = codec.network
    stored = codec.planes(rgb)
    bits = [part / rgb.size for part in codec.bits_by_scale(rgb)]
    names = ["x", *(f"z{s}" for s in range(1, network.scales))]
    top = uniform_bpsp(network, *rgb.shape[:2])
    assert math.isclose(bits[-1], top, rel_tol=1e-9), f"z^(S) costs {bits[-1]}, not {top} bpsp"
    samples = [Sample("truth", rgb, sum(bits))]
    for finest in range(1, network.scales + 1):  # z^(finest) and above are stored
        generator = torch.Generator(codec.device).manual_seed(seed + finest)
        planes = [*codec.blank_planes(*rgb.shape[:2])[:finest], *stored[finest:]]
        _draw(codec, planes, finest, generator)
        image = planes[0][0].permute(1, 2, 0).cpu().numpy().astype(np.uint8)
        samples.append(Sample("-".join(names[:finest]), image, sum(bits[finest:])))
    return samples


@fixed_state()
def sample_images(
    codec: Codec, count: int, height: int, width: int, seed: int = 0
) -> npt.NDArray[np.uint8]:
    """Images from nothing: z^(S) from its uniform prior, then every finer scale given it.

    All images go through the network together.

    Args:
        codec: of the model.
        count: how many.
        height: of each.
        width: of each.
        seed: of the random numbers.

    Returns:
        uint8 (count, height, width, 3).
    """
    generator = torch.Generator(codec.device).manual_seed(seed)
    planes = codec.blank_planes(height, width, count)
    top = codec.network.shape(codec.network.scales)
    planes[-1].random_(0, top.levels, generator=generator)
    _draw(codec, planes, codec.network.scales, generator)
    return planes[0].permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)


def _draw(codec: Codec, planes: list[Tensor], finest: int, generator: torch.Generator) -> None:
    """Fills the planes below `finest`, of a batch, with symbols from their mixtures."""
    network = codec.network
    for stage, predicted in codec.predictions(planes):
        s = stage.s - 1
        if s >= finest:
            continue
        for target, raw in predicted:
            mixture = network.split(s, codec.reals(s, raw))
            pixels = sample(mixture, network.shape(s).levels, generator)
            target.of(planes[s]).copy_(pixels)
