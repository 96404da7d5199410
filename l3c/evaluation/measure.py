"""Method x image -> row: encode, write, decode in a fresh process, compare, count bytes."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from baselines.base import Method
from l3c.data.images import pixel_sha256
from l3c.evaluation.decoder import DecodeFailedError, DecodeProcess
from l3c.evaluation.environment import environment, hardware
from l3c.evaluation.methods import MethodSource
from l3c.evaluation.rows import MethodRecord, ResultRow, bits_per_subpixel
from l3c.progress import Progress
from l3c.whole_files import write_whole


class LosslessError(ValueError):
    """A method did not give an image back; the workflow stops."""

    def __init__(
        self, method: str, dataset: str, image: str, reason: str, kept: Path | None = None
    ) -> None:
        look = f"its file is kept as {kept}, " if kept else ""
        super().__init__(
            f"method {method} is not lossless on image {image} of {dataset}: {reason}; "
            f"{look}the workflow stops"
        )


@dataclass(frozen=True)
class Measurement:
    """Where one method is measured, and how.

    Attributes:
        dataset: key of the data set.
        run: the run's folder; rows name files relative to it.
        streams: folder the bitstreams are written to, below `run`.
        threads: what the method was given; only recorded here, the caller sets it.
        repeats: timed runs per image; the median counts.
    """

    dataset: str
    run: Path
    streams: Path
    threads: int = 1
    repeats: int = 1


def measure(
    source: MethodSource,
    images: Iterable[tuple[str, np.ndarray]],
    count: int,
    place: Measurement,
) -> tuple[list[ResultRow], MethodRecord]:
    """Measures one method on some images.

    Args:
        source: the method.
        images: (name, uint8 (H, W, 3)) pairs, read one at a time.
        count: how many there are, for the progress report.
        place: data set, folders, threads.

    Returns:
        One row per image, and the record; no rows if the method is not available here.

    Raises:
        LosslessError: naming method and image.
    """
    method = source.load()
    available = method.available()
    record = MethodRecord(
        dataset=place.dataset,
        key=source.key,
        method=method.name,
        measured=available,
        reason="" if available else method.why_unavailable(),
        settings=method.settings,
        version=method.version() if available else "",
    )
    if not available:
        print(f"{method.name} is not measured: {record.reason}", file=sys.stderr)
        return [], record
    rows: list[ResultRow] = []
    label = f"{method.name} on {place.dataset}"
    with DecodeProcess(source) as decoder, Progress(count, label, "image") as progress:
        for name, image in images:
            row = _measure_image(method, record, decoder, name, image, place, warm_up=not rows)
            rows.append(row)
            progress.update(bpsp=row.bpsp)
    return rows, record


def _measure_image(
    method: Method,
    record: MethodRecord,
    decoder: DecodeProcess,
    name: str,
    image: np.ndarray,
    place: Measurement,
    *,
    warm_up: bool,
) -> ResultRow:
    data, encode_s = _encode(method, image, place.repeats, warm_up)
    stream = place.streams / f"{name}{method.suffix}"
    write_whole(stream, data)
    try:
        runs = [decoder.decode(stream) for _ in range(place.repeats + warm_up)]
        differences = [describe_difference(image, decoded) for decoded, _ in runs]
    except DecodeFailedError as error:
        runs, differences = [], [str(error)]
    if difference := next(filter(None, differences), ""):
        # Not among the streams, which the workflow removes if a measurement fails.
        kept = place.run / "lossy" / place.dataset / record.key / stream.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, data)
        raise LosslessError(record.key, place.dataset, name, difference, kept)
    height, width = image.shape[:2]
    return ResultRow(
        dataset=place.dataset,
        method=record.method,
        key=record.key,
        image=name,
        height=height,
        width=width,
        num_bytes=len(data),
        bpsp=bits_per_subpixel(8 * len(data), height, width),
        bits_theory=method.bits_theory(image),
        encode_s=encode_s,
        decode_s=statistics.median(seconds for _, seconds in runs[warm_up:]),
        lossless=True,
        in_process=method.in_process,
        settings=record.settings,
        version=record.version,
        stream=stream.relative_to(place.run).as_posix(),
        pixel_sha256=pixel_sha256(image),
        threads=place.threads,
        hardware=hardware(),
        environment=environment(),
    )


def _encode(method: Method, image: np.ndarray, repeats: int, warm_up: bool) -> tuple[bytes, float]:
    """The bytes, and the median of the seconds; a warm-up run comes first and is dropped."""
    seconds = []
    data = b""
    for _ in range(repeats + warm_up):
        start = time.perf_counter()
        data = method.encode(image)
        seconds.append(time.perf_counter() - start)
    return data, statistics.median(seconds[warm_up:])


def describe_difference(image: np.ndarray, decoded: object) -> str:
    """Why `decoded` is not `image`, pixel by pixel; "" if it is."""
    if not isinstance(decoded, np.ndarray):
        return f"decoded to {type(decoded).__name__}, not to an array"
    if (decoded.shape, decoded.dtype) != (image.shape, image.dtype):
        return f"decoded to {decoded.dtype} {decoded.shape}, was {image.dtype} {image.shape}"
    wrong = np.argwhere(decoded != image)
    if not len(wrong):
        return ""
    y, x, c = (int(i) for i in wrong[0])
    return (
        f"{len(wrong)} of {image.size} sub-pixels differ, the first at row {y}, column {x}, "
        f"channel {c}: {decoded[y, x, c]} instead of {image[y, x, c]}"
    )
