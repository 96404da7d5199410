"""Seconds of methods on crops, by phase and scale where they have any, and of models in batches.

Every run is from memory to memory in one process, after a warm-up that is dropped, with the
device synchronized before the clock is read; then every decoded crop is compared with the original.
`l3c.bench.measure.files` decodes in a process that never saw the image; here the clock matters.

A process should measure one method only: peak memory is that of the whole process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from baselines.base import Method
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.files import describe_difference
from l3c.bench.measure.methods import MethodSource, plain_array, plain_bytes
from l3c.bench.measure.other_load import OtherLoad
from l3c.bench.measure.provenance import device_name, machine, peak_mib
from l3c.bench.schema import TOTAL, BatchRow, FailedRow, Row, TimingRow
from l3c.coding import decode_pictures, encode_pictures
from l3c.images.picture import Picture
from l3c.messages import typed_line
from l3c.models.tile_codec import TileCodec, UnsupportedError
from l3c.models.zoo import NoArithmeticError, open_codec
from l3c.progress import Progress
from l3c.stopwatch import Stopwatch
from l3c.tile_coding import Choice

Image = npt.NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True)
class TimingPlan:
    """What is measured on crops.

    Attributes:
        dataset: key of the data set, for the rows.
        crops: gives the crops, (name, uint8 (H, W, 3)), as often as it is called.
        count: how many there are.
        repeats: clocked runs of each crop.
        threads: numbers of threads that learned methods are given. Classical codecs use one.
    """

    dataset: str
    crops: Callable[[], Iterable[tuple[str, Image]]]
    count: int
    repeats: int
    threads: tuple[int, ...]


@dataclass(frozen=True)
class BatchPlan:
    """What is measured in batches.

    Attributes:
        images: uint8 (N, side, side, 3) to encode and decode, at least as many as `coded` asks for.
        sampled: (side, batch) of the images to sample.
        coded: sizes of the batches to encode and decode.
        repeats: clocked runs of each, after a warm-up.
    """

    images: npt.NDArray[np.uint8]
    sampled: Sequence[tuple[int, int]]
    coded: Sequence[int]
    repeats: int


def devices() -> list[str]:
    """The CPU, and CUDA where PyTorch and the coder find it."""
    from coder import cuda

    return ["cpu", "cuda"] if cuda.available() else ["cpu"]


def measure_timing(source: MethodSource, plan: TimingPlan) -> tuple[list[Row], list[Row]]:
    """Measures one method on all crops, a learned one on every device there is.

    Returns:
        Rows, none if the method is not available here; and the failures: a device on which the
        method fails on a crop has no rows but that one failure.
    """
    rows: list[Row] = []
    failed: list[Row] = []
    for device in ["cpu"] if source.weights is None else devices():
        try:
            method = replace(source, device=device).load()
        except NoArithmeticError as error:
            print(f"{source.name} is not timed on {device}: {error}", file=sys.stderr)
            continue
        if not method.available():
            print(f"{method.name} is not timed: {method.why_unavailable()}", file=sys.stderr)
            break
        about: dict[str, Any] = machine() | {
            "dataset": plan.dataset,
            "method": method.name,
            "key": source.key,
            "settings": method.settings,
            "version": method.version(),
        }
        runs = list(_timed_crops(method, device, source.weights is not None, plan))
        if runs and "reason" in runs[-1]:
            failed.append(FailedRow(**about, **runs[-1]))
            print(f"{method.name} is not timed: {runs[-1]['reason']}", file=sys.stderr)
            continue
        about |= {
            "device": device,
            "device_name": device_name(device),
            "in_process": method.in_process,
            "peak_mib": round(peak_mib(device, children=not method.in_process), 1),
        }
        rows += [TimingRow(**about, **run) for run in runs]
    return rows, failed


def _timed_crops(
    method: Method, device: str, learned: bool, plan: TimingPlan
) -> Iterator[dict[str, Any]]:
    """Columns of rows: every crop, with every number of threads, encoded and decoded in turns.

    The crop on which the method fails is the last one and has a `reason`.
    """
    warm: set[int] = set()
    others = OtherLoad()
    with Progress(plan.count, f"{method.name} on {device}", "crop") as progress:
        for name, image in plan.crops():
            height, width = image.shape[:2]
            for threads in plan.threads if learned else (1,):
                crop = {"image": name, "height": height, "width": width, "threads": threads}
                for run in range(0 if threads in warm else -1, plan.repeats):
                    try:
                        made = _round_trip(method, image, threads, device, learned)
                    except (Exception, SystemExit) as error:  # whatever a user's method raises
                        yield crop | {"reason": f"{device}: {typed_line(error)}"}
                        return
                    load = others.share()
                    for of_call in made if run >= 0 else ():
                        yield crop | of_call | {"run": run, "other_load": load}
                warm.add(threads)
            progress.update()


def _round_trip(
    method: Method, image: Image, threads: int, device: str, learned: bool
) -> list[dict[str, Any]]:
    """Columns of the total and of each phase, of encoding and of decoding."""
    limit: Any = nullcontext()
    if learned:
        from l3c.threads import torch_threads

        limit = torch_threads(threads)
    given = image.copy()  # the method may write to it
    with limit:
        made, encoded = _clocked(lambda: method.encode(given), device)
        data = plain_bytes(made)
        back, decoded = _clocked(lambda: method.decode(data), device)
    if difference := describe_difference(image, plain_array(back)):
        raise ChildError(f"not lossless: {difference}")
    spent = {"encode": encoded, "decode": decoded}
    return [
        {"direction": direction, "phase": phase, "scale": scale, "num_bytes": len(data)}
        | {"seconds": round(seconds, 9)}
        for direction, phases in spent.items()
        for (phase, scale), seconds in phases.items()
    ]


def _clocked(call: Callable[[], T], device: str) -> tuple[T, dict[tuple[str, str], float]]:
    """What a call returns, and the seconds that it took: in all, and by phase and scale."""
    stopwatch = Stopwatch(device)
    with stopwatch:
        stopwatch.synchronize()
        start = time.perf_counter()
        made = call()
        stopwatch.synchronize()
        seconds = time.perf_counter() - start
    spent: dict[tuple[str, str], float] = {(TOTAL, ""): seconds}
    spent.update(stopwatch.seconds.items())
    return made, spent


def measure_batches(source: MethodSource, plan: BatchPlan) -> list[Row]:
    """Measures one model on every device there is, with as many threads as PyTorch has.

    Sampling draws z^(S) from its uniform prior and every finer scale given it, for all images of a
    batch together (Table A3). Encoding and decoding predict the images of a batch together if the
    model predicts in integers, whose results no batch changes, and one by one if not. Each image is
    coded into a file of its own, the same as without the others.

    Raises:
        ChildError: an image of a batch did not come back.
    """
    import torch

    rows, found, others = [], devices(), OtherLoad()
    sampled = [(_sampled, *size) for size in plan.sampled]
    todo = [*sampled, *((_coded, plan.images.shape[1], batch) for batch in plan.coded)]
    with Progress(len(found) * len(todo), f"{source.name} in batches", "measurement") as progress:
        for device in found:
            about: dict[str, Any] = machine() | {
                "key": source.key,
                "method": source.name,
                "device": device,
                "device_name": device_name(device),
                "threads": torch.get_num_threads(),
            }
            assert source.weights is not None
            codec = open_codec(source.weights, device, source.arithmetic)
            for clocked, side, batch in todo:
                about |= {"side": side, "batch": batch}
                with suppress(UnsupportedError):  # a family that cannot be sampled
                    runs = clocked(codec, plan, side, batch)
                    about["other_load"] = others.share()
                    for operation, seconds in runs.items():
                        for run, spent in enumerate(seconds[1:]):  # after the warm-up
                            of_run = {"operation": operation, "run": run}
                            rows.append(BatchRow(**about, **of_run, seconds=round(spent, 9)))
                progress.update()
    return rows


def _sampled(codec: TileCodec, plan: BatchPlan, side: int, batch: int) -> dict[str, list[float]]:
    """Seconds of the runs by operation, as of `_coded`."""
    runs = []
    for seed in range(plan.repeats + 1):
        start = time.perf_counter()
        codec.sample_images(batch, side, side, seed)
        runs.append(time.perf_counter() - start)
    return {"sample": runs}


def _coded(codec: TileCodec, plan: BatchPlan, side: int, batch: int) -> dict[str, list[float]]:
    """By the network alone, from arrays to files and back."""
    images = plan.images[:batch]
    runs: dict[str, list[float]] = {"encode": [], "decode": []}
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
                raise ChildError(
                    f"image {number} of a batch of {batch}: not lossless: {difference}"
                )
    return runs
