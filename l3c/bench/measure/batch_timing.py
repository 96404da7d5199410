"""Seconds by batch size: sampling images, which the paper tabulates (Table A3), and coding them.

Sampling draws z^(S) from its uniform prior and every finer scale given it, for all images of a
batch together. Encoding and decoding (`l3c.coding.encode_pictures`) predict the images of a batch
together if the model predicts in integers, whose results no batch changes, and one by one if not.
Each image is coded into a file of its own, the same as without the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from l3c.arithmetic import Kind
from l3c.bench.measure.files import MethodFailedError, describe_difference
from l3c.bench.measure.other_load import OtherLoad
from l3c.bench.measure.provenance import device_name, environment, hardware
from l3c.bench.measure.timing import devices
from l3c.bench.schema import BatchRow
from l3c.coding import decode_pictures, encode_pictures
from l3c.images.picture import Picture
from l3c.models.tile_codec import TileCodec, UnsupportedError
from l3c.models.zoo import open_codec
from l3c.progress import Progress
from l3c.tile_coding import Choice

Operation = Literal["sample", "encode", "decode"]
_Batch = tuple[int, int, dict[Operation, list[float]]]
"""Side and number of the images, seconds of the runs of each operation."""


@dataclass(frozen=True)
class BatchPlan:
    """What is measured.

    Attributes:
        dataset: key of the data set that the images are from, for messages.
        images: uint8 (N, side, side, 3) to encode and decode, at least as many as `coded` asks for.
        sampled: (side, batch) of the images to sample.
        coded: sizes of the batches to encode and decode.
        repeats: clocked runs of each, after a warm-up.
    """

    dataset: str
    images: npt.NDArray[np.uint8]
    sampled: Sequence[tuple[int, int]]
    coded: Sequence[int]
    repeats: int


def measure_batches(
    key: str, name: str, weights: Path, arithmetic: Kind | None, plan: BatchPlan
) -> list[BatchRow]:
    """Measures one model on every device there is, with as many threads as PyTorch has.

    Args:
        key: of the model, for the rows.
        name: its label.
        weights: of the model.
        arithmetic: of the model.
        plan: what is measured.

    Raises:
        MethodFailedError: naming the model.
    """
    rows = []
    found = devices()
    others = OtherLoad()
    count = len(found) * (len(plan.sampled) + len(plan.coded))
    with Progress(count, f"{name} in batches", "measurement") as progress:
        for device in found:
            same = {
                "key": key,
                "method": name,
                "device": device,
                "device_name": device_name(device),
                "threads": torch.get_num_threads(),
                "hardware": hardware(),
                "environment": environment(),
            }
            sampled = _sample(open_codec(weights, device, arithmetic), plan)
            coded = _code(key, open_codec(weights, device, arithmetic), plan)
            for what in (sampled, coded):
                for side, batch, runs in what:
                    load = others.share()
                    for operation, seconds in runs.items():
                        of_batch = {"side": side, "batch": batch, "operation": operation}
                        for run, spent in enumerate(seconds):
                            of_run = {"run": run, "seconds": round(spent, 9), "other_load": load}
                            rows.append(BatchRow.model_validate({**same, **of_batch, **of_run}))
                    progress.update()
    return rows


def _sample(codec: TileCodec, plan: BatchPlan) -> Iterator[_Batch]:
    """None of a family that cannot be sampled."""
    for side, batch in plan.sampled:
        runs = []
        for seed in range(plan.repeats + 1):
            start = time.perf_counter()
            try:
                codec.sample_images(batch, side, side, seed)
            except UnsupportedError:
                return
            runs.append(time.perf_counter() - start)
        yield side, batch, {"sample": runs[1:]}


def _code(key: str, codec: TileCodec, plan: BatchPlan) -> Iterator[_Batch]:
    """By the network alone, from arrays to files and back."""
    side = plan.images.shape[1]
    for batch in plan.coded:
        images = plan.images[:batch]
        runs: dict[Operation, list[float]] = {"encode": [], "decode": []}
        for _ in range(plan.repeats + 1):
            given = images.copy()  # what the model gets is not what it is compared with
            start = time.perf_counter()
            pictures = [Picture.from_array(image) for image in given]
            files = encode_pictures(pictures, codec, choice=Choice.NETWORK)
            middle = time.perf_counter()
            decoded = [each.samples for each in decode_pictures(files, lambda *model: codec)]
            runs["decode"].append(time.perf_counter() - middle)
            runs["encode"].append(middle - start)
            for number, (image, back) in enumerate(zip(images, decoded, strict=True)):
                if difference := describe_difference(image, back):
                    what = f"{number} of a batch of {batch}"
                    raise MethodFailedError(key, plan.dataset, what, f"not lossless: {difference}")
        yield side, batch, {operation: seconds[1:] for operation, seconds in runs.items()}
