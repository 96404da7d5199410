"""What models tell of images: bits by scale and channel, samples, rates by the release's rules.

The authors' release reports a cross-entropy in float32, not bytes. It pads with zeros on both sides
and counts the padding, cuts images above 3 million pixels into quarters, which it pads and codes
alone, and applies RGB Shared four times. The mean is over images, of bits over real sub-pixels:
what published numbers are to be compared with.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from l3c.bench.schema import AsPublished, ChannelBits, Row, SampleRow
from l3c.data.images import write_png
from l3c.models.base import load_model
from l3c.models.l3c import L3C
from l3c.models.pyramid_codec import PyramidCodec
from l3c.models.tile_codec import RGB, TileCodec, UnsupportedError
from l3c.models.zoo import read_model
from l3c.nn.mixture import Mixture, couple
from l3c.torch_state import fixed_state

LARGEST = 2000 * 1500  # pixels; above, an image is cut into quarters
SHARED_SCALES = 4  # of RGB Shared
LEAST_PROBABILITY = 1e-12  # of a component


def measure_bits(
    about: Mapping[str, str], codec: TileCodec, images: Iterable[tuple[str, RGB]]
) -> list[Row]:
    """The rows of a model: all scales and channels of each image, the finest scale first.

    Args:
        about: the columns dataset and model.
        codec: of the model.
        images: names and uint8 (H, W, 3), each coded as one tile.

    Returns:
        None of a family that does not tell the bits of symbols.
    """
    rows = []
    for name, image in images:
        try:
            parts = codec.symbol_bits(image)
        except UnsupportedError as error:
            print(f"{about['model']}: {error}", file=sys.stderr)
            return []
        for scale, plane in parts.items():
            of_scale = {**about, **_of(name, image), "scale": scale}
            sums = plane.sum(axis=(1, 2)).tolist()
            for channel, bits in zip(codec.channel_names(scale, len(plane)), sums, strict=True):
                rows.append(ChannelBits(**of_scale, channel=channel, bits=bits))
    return rows


def write_samples(
    folder: Path, about: Mapping[str, str], codec: PyramidCodec, name: str, image: RGB
) -> list[Row]:
    """Samples a photograph (L3C Sec. 5.4), writes `<name>-<what was sampled>.png`.

    Args:
        folder: to write to; it exists.
        about: the columns dataset and model.
        codec: of the model.
        name: of the photograph.
        image: uint8 (H, W, 3).
    """
    names, rows, samples = codec.network.parts, [], codec.sample_parts(image)
    for count, sample in enumerate(samples):
        file = f"{name}-{sample.name}.png"
        write_png(folder / file, sample.image)
        parts = {"sampled": " ".join(names[:count]), "stored": " ".join(names[count:])}
        bpsp = {"bpsp": sample.bpsp, "uniform_bpsp": samples[-1].bpsp}
        rows.append(SampleRow(**about, **_of(name, image), **parts, **bpsp, file=file))
    return rows


def _of(name: str, image: RGB) -> dict[str, Any]:
    return {"image": name, "height": image.shape[0], "width": image.shape[1]}


def measure_as_published(
    about: Mapping[str, str], weights: Path, images: Iterable[tuple[str, RGB]]
) -> list[Row]:
    """One row for each image.

    Args:
        about: the columns dataset and model.
        weights: of an L3C, RGB or RGB Shared.
        images: name, uint8 (H, W, 3).

    Raises:
        ValueError: a model of another family.
    """
    model = load_model(read_model(weights))[0]
    if not isinstance(model, L3C):
        raise ValueError(f"{weights}: the release's rules are for family l3c, not {model.family}")
    model = as_evaluated(model)
    rows = []
    for name, image in images:
        crops = [*quarters(image)]
        bits = sum(rate(model, crop) for crop in crops)
        found = {"crops": len(crops), "bits": bits, "bpsp": bits / image.size}
        rows.append(AsPublished(**about, **_of(name, image), **found))
    return rows


def as_evaluated(model: L3C) -> L3C:
    """The network that the release evaluates: RGB Shared with four predicted scales."""
    if model.settings.kind == "rgb_shared" and model.scales != SHARED_SCALES:
        deeper = L3C(model.settings.model_copy(update={"scales": SHARED_SCALES}))
        deeper.load_state_dict(model.state_dict())
        model = deeper
    return model.eval()


def quarters(image: RGB) -> Iterator[RGB]:
    """The image itself, or its quarters and theirs until none has more than LARGEST pixels."""
    height, width = image.shape[:2]
    if height * width <= LARGEST:
        yield image
        return
    for rows in (slice(0, height // 2), slice(height // 2, None)):
        for columns in (slice(0, width // 2), slice(width // 2, None)):
            yield from quarters(image[rows, columns])


def padded(image: RGB, multiple: int) -> Tensor:
    """Zeros on both sides up to multiples; top and left get the smaller half.

    Returns:
        uint8 (1, 3, H', W').
    """
    sides = [(missing // 2, -(-missing // 2)) for missing in (-n % multiple for n in image.shape)]
    whole = np.pad(image, [*sides[:2], (0, 0)])
    return torch.from_numpy(whole.transpose(2, 0, 1)[None].copy())


@fixed_state()
def rate(model: L3C, image: RGB) -> float:
    """Cross-entropy in bits, padding included, as the release computes it in float32."""
    batch = padded(image, model.multiple)
    pyramid = model.bottlenecks(batch)
    values = [model.values(0, batch), *(each.values for each in pyramid)]
    symbols = [batch, *(each.symbols for each in pyramid)]
    bits = model.uniform_bits(pyramid)
    for s, _, params in model.predictions(values):
        nats = release_nats(symbols[s].float(), model.split(s, params), model.shape(s).levels)
        bits += float(nats.double().sum()) / math.log(2)
    return bits


def release_nats(x: Tensor, params: Mixture, levels: int) -> Tensor:
    """-log p of symbols with the release's clamp, in float32; see `negative_log_likelihood`."""
    target = x.permute(0, 2, 3, 1).unsqueeze(-1)
    mu = params.mu if params.lam is None else couple(params.mu, params.lam, target)
    inverse = torch.exp(-params.log_sigma)
    upper, lower = ((target - mu + half) * inverse for half in (0.5, -0.5))
    inside = (torch.sigmoid(upper) - torch.sigmoid(lower)).clamp(min=LEAST_PROBABILITY).log()
    log_p = torch.where(target == levels - 1, -functional.softplus(lower), inside)
    log_p = torch.where(target == 0, functional.logsigmoid(upper), log_p)
    return -torch.logsumexp(torch.log_softmax(params.logits, dim=-1) + log_p, dim=-1)
