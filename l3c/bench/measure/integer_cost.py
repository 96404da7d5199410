"""What the integer path costs against the float network: bytes and seconds by scale."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from l3c.arithmetic import Kind
from l3c.bench.measure.provenance import machine
from l3c.bench.schema import IntegerCost
from l3c.models.pyramid_codec import PyramidCodec, as_pyramid_codec
from l3c.models.tile_codec import UnsupportedError
from l3c.models.zoo import NoArithmeticError, open_codec

REPEATS = 3
SIDE = 1024  # of an image, at most so much is taken
IMAGES = 16  # of a data set, the first; a difference of paths needs no more
KINDS: tuple[Kind, ...] = ("float", "integer")


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
        codecs = {kind: as_pyramid_codec(open_codec(weights, "cpu", kind)) for kind in KINDS}
    except (NoArithmeticError, UnsupportedError) as error:
        print(f"{model}: no cost of integers: {error}", file=sys.stderr)
        return []
    taken = [image[:SIDE, :SIDE] for image in itertools.islice(images, IMAGES)]
    num_bytes, seconds = [], []
    for number, image in enumerate(taken):
        for kind, codec in codecs.items():
            streams = zip(codec.stream_parts, codec.encode(image), strict=True)
            num_bytes += [(f"{kind}_bytes", scale, len(stream)) for scale, stream in streams]
        with torch.inference_mode():
            symbols = codecs["float"].symbols(image)
            for run, (kind, codec) in itertools.product(range(REPEATS + 1), codecs.items()):
                of_run = (number, run, f"{kind}_s")
                seconds += [(*of_run, scale, spent) for scale, spent in _seconds(codec, symbols)]
    columns = ["column", "scale", "value"]
    runs = pd.DataFrame(seconds, columns=["number", "run", *columns])
    runs = runs[runs.run > 0]  # after a warm-up
    sums = runs.groupby(["number", "run", "column", "scale"], as_index=False).sum()
    medians = sums.groupby(["number", "column", "scale"], as_index=False).median()
    both = pd.concat([pd.DataFrame(num_bytes, columns=columns), medians[columns]])
    table = both.pivot_table("value", "scale", "column", aggfunc="sum", fill_value=0).sort_index()
    table.loc["total"] = table.sum()
    about = machine() | {"dataset": dataset, "model": model, "images": len(taken)}
    rows = table.round(6).reset_index().to_dict("records")
    return [IntegerCost.model_validate({**about, **row}) for row in rows]


def _seconds(codec: PyramidCodec, symbols: list[Tensor]) -> Iterator[tuple[str, float]]:
    """Of predicting the parameters of each scale but the coarsest."""
    start = time.perf_counter()
    for step, _ in codec.predictions(symbols):
        now = time.perf_counter()
        yield codec.network.parts[step.s - 1], now - start
        start = now
