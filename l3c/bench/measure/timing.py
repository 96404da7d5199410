"""Seconds of methods on crops, by phase and scale where they have any, and of models in batches.

Every run is from memory to memory, after a warm-up that is dropped, with the device synchronized
before the clock is read; then what was decoded is compared with the original. Encoder and decoder
are one process. `l3c.bench.measure.files` decodes in a process that never saw the image; here the
clock matters.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from l3c.bench.measure.child import Child, ChildError
from l3c.bench.measure.files import describe_difference
from l3c.bench.measure.machine import OtherLoad, device_name, machine
from l3c.bench.measure.methods import LearnedMethod, key_of, served
from l3c.bench.schema import BatchRow, FailedRow, Row, TimingRow, frame
from l3c.coding import decode_pictures, encode_pictures
from l3c.images.picture import Picture
from l3c.models.tile_codec import TileCodec, UnsupportedError
from l3c.progress import Progress
from l3c.tile_coding import Choice

Image = npt.NDArray[np.uint8]


def devices() -> list[str]:
    """The CPU, and CUDA where PyTorch and the coder find it."""
    from coder import cuda

    return ["cpu", "cuda"] if cuda.available() else ["cpu"]


def measure_timing(
    method: LearnedMethod | str,
    dataset: str,
    crops: Callable[[], Iterable[tuple[str, Image]]],
    count: int,
    *,
    repeats: int,
    threads: Sequence[int],
) -> pd.DataFrame:
    """Measures one method on all crops, a learned one on every device there is.

    Args:
        method: a model, or an entry that `get_method` takes.
        dataset: key of the data set, for the rows.
        crops: gives the crops, (name, uint8 (H, W, 3)), as often as it is called.
        count: how many there are.
        repeats: clocked runs of each crop.
        threads: numbers of threads that learned methods are given. Classical codecs use one.

    Returns:
        Rows, none if the method is not available here; a device on which the method fails on a
        crop has none but that one failure. Peak memory is that of the method's process.
    """
    rows: list[Row] = []
    places: dict[str, LearnedMethod | str] = {"cpu": method}
    if isinstance(method, LearnedMethod):
        places = {device: replace(method, device=device) for device in devices()}
    else:
        threads = (1,)
    for device, here in places.items():
        about: dict[str, Any] = machine() | {"dataset": dataset, "key": key_of(method)}
        crop: dict[str, Any] = {}
        runs: list[dict[str, Any]] = []
        with served(here, phases=True) as process:
            try:
                told = process.call("describe")
                if told["unavailable"]:
                    raise ChildError(told["unavailable"])
                about |= {name: told[name] for name in ("method", "settings", "version")}
                label, others = f"{told['method']} on {device}", OtherLoad()
                with Progress(count * len(threads), label, "crop") as progress:
                    for number in threads:
                        process.call("use_threads", number)
                        for name, image in crops():
                            crop = {"image": name, "height": image.shape[0]}
                            crop |= {"width": image.shape[1], "threads": number}
                            for run in range(repeats):
                                parts = _round_trip(process, image)
                                of_run = crop | {"run": run, "other_load": others.share()}
                                runs += [of_run | part for part in parts]
                            progress.update()
                peak = round(process.call("peak_mib"), 1)
            except ChildError as error:
                print(f"{about['key']} is not timed on {device}: {error}", file=sys.stderr)
                if crop:
                    rows.append(FailedRow(**about, **crop, reason=f"{device}: {error}"))
                continue
        about |= {"device": device, "device_name": device_name(device)}
        about |= {"in_process": told["in_process"], "peak_mib": peak}
        rows += [TimingRow(**about, **run) for run in runs]
    return frame(rows, TimingRow)


def _round_trip(process: Child, image: Image) -> list[dict[str, Any]]:
    """Columns of the total and of each phase, of encoding and of decoding."""
    data, encoding = process.call("encode", image, 1)
    decoded, decoding = process.call("decode", data, 1)
    if difference := describe_difference(image, decoded):
        raise ChildError(f"not lossless: {difference}")
    return [
        {"direction": direction, "phase": phase, "scale": scale, "num_bytes": len(data)}
        | {"seconds": round(seconds, 9)}
        for direction, phases in (("encode", encoding), ("decode", decoding))
        for (phase, scale), seconds in phases.items()
    ]


def measure_batches(
    method: LearnedMethod,
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
        method: the model.
        images: uint8 (N, side, side, 3) to encode and decode, at least as many as `coded` asks for.
        sampled: (side, batch) of the images to sample.
        coded: sizes of the batches to encode and decode.
        repeats: clocked runs of each, after a warm-up.

    Raises:
        ChildError: an image of a batch did not come back.
    """
    import torch

    rows, found, others = [], devices(), OtherLoad()
    todo = [("sample", *size) for size in sampled]
    todo += [("code", images.shape[1], batch) for batch in coded]
    with Progress(len(found) * len(todo), f"{method.name} in batches", "measurement") as progress:
        for device in found:
            about: dict[str, Any] = machine() | {
                "key": method.key,
                "method": method.name,
                "device": device,
                "device_name": device_name(device),
                "threads": torch.get_num_threads(),
            }
            codec = replace(method, device=device).codec
            for what, side, batch in todo:
                about |= {"side": side, "batch": batch}
                with suppress(UnsupportedError):  # a family that cannot be sampled
                    for run in range(-1, repeats):
                        if what == "sample":
                            start = time.perf_counter()
                            codec.sample_images(batch, side, side, seed=run + 1)
                            spent = {what: time.perf_counter() - start}
                        else:
                            spent = _coded(codec, images[:batch])
                        of_run: dict[str, Any] = {"run": run, "other_load": others.share()}
                        for name, seconds in spent.items() if run >= 0 else ():
                            of_run |= {"operation": name, "seconds": round(seconds, 9)}
                            rows.append(BatchRow(**about, **of_run))
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
