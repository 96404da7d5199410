"""Seconds of methods on crops, by phase and scale where they have any, and of models in batches.

Every run is from memory to memory in one process, after a warm-up that is dropped, with the
device synchronized before the clock is read; then every decoded crop is compared with the original.
`l3c.bench.measure.files` decodes in a process that never saw the image; here the clock matters.

A process should measure one method only: peak memory is that of the whole process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from baselines.base import Method
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.files import describe_difference
from l3c.bench.measure.machine import OtherLoad, device_name, machine, peak_mib
from l3c.bench.measure.methods import MethodSource, plain_array, plain_bytes
from l3c.bench.schema import BatchRow, FailedRow, Row, TimingRow, frame
from l3c.coding import decode_pictures, encode_pictures
from l3c.images.picture import Picture
from l3c.messages import typed_line
from l3c.models.tile_codec import TileCodec, UnsupportedError
from l3c.models.zoo import NoArithmeticError, open_codec
from l3c.progress import Progress
from l3c.stopwatch import Part, Stopwatch, timed
from l3c.threads import torch_threads
from l3c.tile_coding import Choice

Image = npt.NDArray[np.uint8]
T = TypeVar("T")


def devices() -> list[str]:
    """The CPU, and CUDA where PyTorch and the coder find it."""
    from coder import cuda

    return ["cpu", "cuda"] if cuda.available() else ["cpu"]


def measure_timing(
    source: MethodSource,
    dataset: str,
    crops: Callable[[], Iterable[tuple[str, Image]]],
    count: int,
    *,
    repeats: int,
    threads: Sequence[int],
) -> pd.DataFrame:
    """Measures one method on all crops, a learned one on every device there is.

    Args:
        source: the method.
        dataset: key of the data set, for the rows.
        crops: gives the crops, (name, uint8 (H, W, 3)), as often as it is called.
        count: how many there are.
        repeats: clocked runs of each crop.
        threads: numbers of threads that learned methods are given. Classical codecs use one.

    Returns:
        Rows, none if the method is not available here; a device on which the method fails on a
        crop has none but that one failure.
    """
    rows: list[Row] = []
    learned = source.weights is not None
    for device in devices() if learned else ["cpu"]:
        try:
            method = replace(source, device=device).load()
        except NoArithmeticError as error:
            print(f"{source.name} is not timed on {device}: {error}", file=sys.stderr)
            continue
        if not method.available():
            print(f"{method.name} is not timed: {method.why_unavailable()}", file=sys.stderr)
            break
        about: dict[str, Any] = machine() | {
            "dataset": dataset,
            "method": method.name,
            "key": source.key,
            "settings": method.settings,
            "version": method.version(),
        }
        runs, warm, others = [], set(), OtherLoad()
        crop: dict[str, Any] = {}
        try:
            with Progress(count, f"{method.name} on {device}", "crop") as progress:
                for name, image in crops():
                    height, width = image.shape[:2]
                    for number in threads if learned else (1,):
                        crop = {"image": name, "height": height, "width": width, "threads": number}
                        for run in range(0 if number in warm else -1, repeats):
                            made = _round_trip(method, image, number, device, learned)
                            of_run = crop | {"run": run, "other_load": others.share()}
                            runs += [of_run | of_call for of_call in made if run >= 0]
                        warm.add(number)
                    progress.update()
        except (Exception, SystemExit) as error:  # whatever a user's method raises
            rows.append(FailedRow(**about, **crop, reason=f"{device}: {typed_line(error)}"))
            print(f"{method.name} is not timed: {rows[-1].reason}", file=sys.stderr)
            continue
        about |= {
            "device": device,
            "device_name": device_name(device),
            "in_process": method.in_process,
            "peak_mib": round(peak_mib(device, children=not method.in_process), 1),
        }
        rows += [TimingRow(**about, **run) for run in runs]
    return frame(rows, TimingRow)


def _round_trip(
    method: Method, image: Image, threads: int, device: str, learned: bool
) -> list[dict[str, Any]]:
    """Columns of the total and of each phase, of encoding and of decoding."""
    given = image.copy()  # the method may write to it
    with torch_threads(threads) if learned else nullcontext():
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


def _clocked(call: Callable[[], T], device: str) -> tuple[T, dict[tuple[Part, str], float]]:
    """What a call returns, and the seconds that it took: by phase and scale, and in all."""
    with Stopwatch(device) as stopwatch, timed("total"):
        made = call()
    return made, stopwatch.seconds


def measure_batches(
    source: MethodSource,
    images: npt.NDArray[np.uint8],
    *,
    sampled: Sequence[tuple[int, int]],
    coded: Sequence[int],
    repeats: int,
) -> pd.DataFrame:
    """Measures one model on every device there is, with as many threads as PyTorch has.

    Sampling draws z^(S) from its uniform prior and every finer scale given it, for all images of a
    batch together (Table A3). Encoding and decoding, by the network alone, predict the images of a
    batch together if the model predicts in integers, whose results no batch changes, and one by one
    if not. Each image is coded into a file of its own, the same as without the others.

    Args:
        source: the model.
        images: uint8 (N, side, side, 3) to encode and decode, at least as many as `coded` asks for.
        sampled: (side, batch) of the images to sample.
        coded: sizes of the batches to encode and decode.
        repeats: clocked runs of each, after a warm-up.

    Raises:
        ChildError: an image of a batch did not come back.
    """
    import torch

    assert source.weights is not None
    rows, found, others = [], devices(), OtherLoad()
    todo = [("sample", *size) for size in sampled]
    todo += [("code", images.shape[1], batch) for batch in coded]
    with Progress(len(found) * len(todo), f"{source.name} in batches", "measurement") as progress:
        for device in found:
            about: dict[str, Any] = machine() | {
                "key": source.key,
                "method": source.name,
                "device": device,
                "device_name": device_name(device),
                "threads": torch.get_num_threads(),
            }
            codec = open_codec(source.weights, device, source.arithmetic)
            for what, side, batch in todo:
                about |= {"side": side, "batch": batch}
                runs: list[dict[str, float]] = []
                with suppress(UnsupportedError):  # a family that cannot be sampled
                    for seed in range(repeats + 1):
                        if what == "sample":
                            start = time.perf_counter()
                            codec.sample_images(batch, side, side, seed)
                            runs.append({what: time.perf_counter() - start})
                        else:
                            runs.append(_coded(codec, images[:batch]))
                about["other_load"] = others.share()
                rows += [
                    BatchRow(**about, operation=name, run=run, seconds=round(seconds, 9))
                    for name in (runs[0] if runs else ())
                    for run, seconds in enumerate(each[name] for each in runs[1:])  # one is warm-up
                ]
                progress.update()
    return frame(rows, BatchRow)


def _coded(codec: TileCodec, images: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Seconds from arrays to files and back."""
    given = images.copy()  # what the model gets is not what it is compared with
    start = time.perf_counter()
    pictures = [Picture.from_array(image) for image in given]
    files = encode_pictures(pictures, codec, choice=Choice.NETWORK)
    middle = time.perf_counter()
    decoded = [each.samples for each in decode_pictures(files, lambda *model: codec)]
    spent = {"encode": middle - start, "decode": time.perf_counter() - middle}
    for number, (image, back) in enumerate(zip(images, decoded, strict=True)):
        if difference := describe_difference(image, back):
            raise ChildError(f"image {number} of {len(images)}: not lossless: {difference}")
    return spent
