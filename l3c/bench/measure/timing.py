"""Method x crop -> seconds: clocked runs, of learned methods by stage and scale, and peak memory.

Every run is from memory to memory in one process, after a warm-up that is dropped, with the device
synchronized before the clock is read; afterwards every decoded crop is compared with the original.
`l3c.bench.measure.files` decodes in a process that never saw the image; here the clock matters.

A process should measure one method only: peak memory is that of the whole process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from baselines.base import Method
from l3c.bench.measure.files import describe_difference
from l3c.bench.measure.method_process import plain_array, plain_bytes
from l3c.bench.measure.methods import MethodSource
from l3c.bench.measure.other_load import OtherLoad
from l3c.bench.measure.provenance import device_name, environment, hardware, peak_mib
from l3c.bench.schema import TOTAL, FailedRow, TimingRow
from l3c.messages import typed_line
from l3c.progress import Progress
from l3c.stopwatch import Part, Stopwatch

Image = npt.NDArray[np.uint8]
Direction = Literal["encode", "decode"]
T = TypeVar("T")


@dataclass(frozen=True)
class TimingPlan:
    """What is measured.

    Attributes:
        dataset: key of the data set, for the rows.
        crops: gives the crops, (name, uint8 (H, W, 3)), as often as it is called.
        count: how many there are.
        repeats: clocked runs of each crop.
        threads: numbers of threads that learned methods are given. Classical codecs are told to use
            one, and are measured so.
    """

    dataset: str
    crops: Callable[[], Iterable[tuple[str, Image]]]
    count: int
    repeats: int
    threads: tuple[int, ...]


@dataclass(frozen=True)
class _Spent:
    """Seconds of a call, and of its stages if it has any."""

    seconds: float
    stages: Mapping[tuple[Part, str], float]


@dataclass(frozen=True)
class _Run:
    """One clocked call: what was done, how long it took, and where the time went."""

    image: str
    height: int
    width: int
    threads: int
    direction: Direction
    run: int
    spent: _Spent
    num_bytes: int
    other_load: float


def measure_timing(
    source: MethodSource, plan: TimingPlan
) -> tuple[list[TimingRow], list[FailedRow]]:
    """Measures one method on all crops, a learned one on every device there is.

    Returns:
        Rows, none if the method is not available here; and the failures: a device on which the
        method fails on a crop has no rows but that one failure.
    """
    rows: list[TimingRow] = []
    failed: list[FailedRow] = []
    for device in ("cpu",) if source.weights is None else devices():
        placed = replace(source, device=device)
        method = placed.load()
        if not method.available():
            print(f"{method.name} is not timed: {method.why_unavailable()}", file=sys.stderr)
            break
        about = {
            "dataset": plan.dataset,
            "method": method.name,
            "key": source.key,
            "settings": method.settings,
            "version": method.version(),
            "hardware": hardware(),
            "environment": environment(),
        }
        clock = _Clock(method, placed, plan)
        try:
            runs = list(clock.runs())
        except _CropError as error:
            failed.append(FailedRow(**about, **error.about, reason=f"{device}: {error}"))
            print(f"{method.name} is not timed: {failed[-1].reason}", file=sys.stderr)
            continue
        peak = peak_mib(device, children=not method.in_process)
        same = about | {
            "device": device,
            "device_name": device_name(device),
            "in_process": method.in_process,
            "peak_mib": round(peak, 1),
        }
        rows += [row for run in runs for row in _rows(run, same)]
    return rows, failed


class _CropError(Exception):
    """A method failed on a crop.

    Attributes:
        about: name, size and threads, as columns of a row.
    """

    def __init__(self, image: str, pixels: Image, threads: int, reason: str) -> None:
        super().__init__(reason)
        height, width = pixels.shape[:2]
        self.about = {"image": image, "height": height, "width": width, "threads": threads}


def devices() -> list[str]:
    """The CPU, and CUDA where PyTorch and the coder find it."""
    from coder import cuda

    return ["cpu", "cuda"] if cuda.available() else ["cpu"]


class _Clock:
    """Runs one method on one device."""

    def __init__(self, method: Method, source: MethodSource, plan: TimingPlan) -> None:
        self._method = method
        self._source = source
        self._plan = plan
        self._is_learned = source.weights is not None
        self._others = OtherLoad()

    def runs(self) -> Iterator[_Run]:
        """Every crop, with every number of threads, encoded and decoded in turns."""
        warm: set[int] = set()
        label = f"{self._method.name} on {self._source.device}"
        with Progress(self._plan.count, label, "crop") as progress:
            for name, image in self._plan.crops():
                for threads in self._plan.threads if self._is_learned else (1,):
                    if threads not in warm:
                        self._round_trip(name, image, threads, 0)
                        warm.add(threads)
                    for run in range(self._plan.repeats):
                        yield from self._round_trip(name, image, threads, run)
                progress.update()

    def _round_trip(self, name: str, image: Image, threads: int, run: int) -> list[_Run]:
        given = image.copy()  # the method may write to it
        try:
            made, encoded = self._clocked(lambda: self._method.encode(given), threads)
            data = plain_bytes(made)
            back, decoded = self._clocked(lambda: self._method.decode(data), threads)
            difference = describe_difference(image, plain_array(back))
        except (Exception, SystemExit) as error:  # whatever a user's method raises is reported
            raise _CropError(name, image, threads, typed_line(error)) from error
        if difference:
            raise _CropError(name, image, threads, f"not lossless: {difference}")
        height, width = image.shape[:2]
        load = self._others.share()
        return [
            _Run(name, height, width, threads, "encode", run, encoded, len(data), load),
            _Run(name, height, width, threads, "decode", run, decoded, len(data), load),
        ]

    def _clocked(self, call: Callable[[], T], threads: int) -> tuple[T, _Spent]:
        """What a call returns, and how long it took."""
        stopwatch = Stopwatch(self._source.device)
        with self._threads(threads), stopwatch:
            stopwatch.synchronize()
            start = time.perf_counter()
            made = call()
            stopwatch.synchronize()
            return made, _Spent(time.perf_counter() - start, stopwatch.seconds)

    def _threads(self, count: int) -> AbstractContextManager[None]:
        if not self._is_learned:
            return nullcontext()
        from l3c.threads import torch_threads

        return torch_threads(count)


def _rows(run: _Run, same: Mapping[str, object]) -> Iterator[TimingRow]:
    """The total of a run, then its stages."""
    of_run = {key: value for key, value in vars(run).items() if key != "spent"}
    for (stage, scale), seconds in [((TOTAL, ""), run.spent.seconds), *run.spent.stages.items()]:
        of_stage = {"stage": stage, "scale": scale, "seconds": round(seconds, 9)}
        yield TimingRow.model_validate({**same, **of_run, **of_stage})
