"""What a model expects to see: images sampled from the coarser scales (L3C Sec. 5.4, Table 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from l3c.codec import RGB, Codec
from l3c.model.mixture import sample


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


@torch.inference_mode()
def sample_scales(codec: Codec, rgb: RGB, seed: int = 0) -> list[Sample]:
    """The image itself, then x sampled given z^(1)..z^(S), x and z^(1) given z^(2)..z^(S), and on.

    Args:
        codec: of the model.
        rgb: uint8 (H, W, 3).
        seed: of the random numbers; each sample has its own stream of them.
    """
    network, (height, width) = codec.network, rgb.shape[:2]
    padded = codec.pad(rgb)
    bits = [part / rgb.size for part in codec.bits_by_scale(rgb)]
    stored = [pyramid.symbols for pyramid in network.bottlenecks(padded)]
    names = ["x", *(f"z{s}" for s in range(1, network.scales))]
    samples = [Sample("truth", rgb, sum(bits))]
    for finest in range(1, network.scales + 1):  # z^(finest) and above are stored
        generator = torch.Generator(codec.device).manual_seed(seed + finest)
        above = drawn = None
        for s in range(network.scales, 0, -1):
            symbols = stored[s - 1] if drawn is None else drawn
            raw, above = codec.predict(s, symbols, above)
            if s <= finest:
                mixture = network.split(s - 1, codec.reals(s - 1, raw))
                drawn = sample(mixture, network.shape(s - 1).levels, generator)
        assert drawn is not None
        image = drawn[0, :, :height, :width].permute(1, 2, 0).cpu().numpy().astype(np.uint8)
        samples.append(Sample("-".join(names[:finest]), image, sum(bits[finest:])))
    return samples
