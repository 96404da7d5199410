"""What the integer path costs against the float network: bytes and seconds by scale."""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from l3c.arithmetic import KINDS
from l3c.bench.measure.provenance import environment, hardware
from l3c.bench.schema import IntegerCost
from l3c.models.pyramid_codec import PyramidCodec, as_pyramid_codec
from l3c.models.tile_codec import UnsupportedError
from l3c.models.zoo import NoArithmeticError, open_codec

REPEATS = 3
SIDE = 1024  # of an image, at most so much is taken
IMAGES = 16  # of a data set, the first; a difference of paths needs no more


def measure_cost(
    dataset: str, model: str, weights: Path, images: Iterable[npt.NDArray[np.uint8]]
) -> list[IntegerCost]:
    """Encodes images with both paths of a model on the CPU.

    Args:
        dataset: for the rows.
        model: for the rows.
        weights: of the model.
        images: uint8 (H, W, 3), each coded as one tile, cut to SIDE; the first IMAGES are taken.

    Returns:
        One row for each scale, the finest first, and the total; none for a model without integers
        or without scales.
    """
    try:
        codecs = [as_pyramid_codec(open_codec(weights, "cpu", kind)) for kind in KINDS[::-1]]
    except (NoArithmeticError, UnsupportedError) as error:
        print(f"{model}: no cost of integers: {error}", file=sys.stderr)
        return []
    scales = codecs[0].network.scales
    num_bytes = np.zeros((2, scales + 1), int)
    seconds = np.zeros((2, scales + 1))
    count = 0
    for image in itertools.islice(images, IMAGES):
        count += 1
        image = image[:SIDE, :SIDE]
        for i, codec in enumerate(codecs):
            top, *streams = codec.encode(image)
            num_bytes[i, scales] += len(top)
            for step, stream in zip(codec.network.steps, streams, strict=True):
                num_bytes[i, step.s - 1] += len(stream)
        with torch.inference_mode():
            planes = codecs[0].symbols(image)
            runs = [[_seconds(codec, planes) for codec in codecs] for _ in range(REPEATS + 1)]
        for i in range(2):
            for s in range(scales):
                seconds[i, s] += statistics.median(run[i][s] for run in runs[1:])
    names = ["x", *(f"z{s}" for s in range(1, scales + 1))]
    parts = [(name, slice(s, s + 1)) for s, name in enumerate(names)] + [("total", slice(None))]
    machine = {"hardware": hardware(), "environment": environment()}
    rows = []
    for name, part in parts:
        float_bytes, integer_bytes = (int(n) for n in num_bytes[:, part].sum(axis=1))
        float_s, integer_s = (round(float(n), 6) for n in seconds[:, part].sum(axis=1))
        rows.append(
            IntegerCost(
                dataset=dataset,
                model=model,
                scale=name,
                images=count,
                float_bytes=float_bytes,
                integer_bytes=integer_bytes,
                float_s=float_s,
                integer_s=integer_s,
                **machine,
            )
        )
    return rows


def _seconds(codec: PyramidCodec, planes: list[Tensor]) -> list[float]:
    """Of predicting the parameters of z^(0), ..., z^(S-1)."""
    spent = [0.0] * codec.network.scales
    start = time.perf_counter()
    for step, _ in codec.predictions(planes):
        now = time.perf_counter()
        spent[step.s - 1] += now - start
        start = now
    return spent
