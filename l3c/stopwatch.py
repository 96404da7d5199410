"""Where the seconds of coding an image go, by phase and scale.

    with Stopwatch() as stopwatch:
        data = encode_picture(picture, codec)
    stopwatch.seconds  # {("network", ""): ..., ("range_coder", "z3"): ..., ("coder", "z2"): ...}

Phases (they add up to a little less than the whole: what lies between them is in none):

* network: forward passes. Extractors make all bottlenecks at once and have the scale "";
  predictors and classifiers have the scale whose parameters they predict.
* coder: from the mixture parameters of a scale to bytes, or from bytes to its symbols. The range
  coder evaluates CDFs where it needs them, in one loop (coder/mixture_lanes.h).
* range_coder: the same for the coarsest scale, whose one uniform CDF is given.
* container: header, checksums, cutting into tiles and joining them; scale "".
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, Self

Part = Literal["network", "coder", "range_coder", "container"]


class Stopwatch:
    """Adds up the seconds of what runs in its context, in this thread, by phase and scale.

    Args:
        device: "cpu", or "cuda", whose queued work is waited for before the clock is read.

    Attributes:
        seconds: by phase and scale, "x", "z1", ... or "".
    """

    def __init__(self, device: str = "cpu") -> None:
        self.seconds: dict[tuple[Part, str], float] = defaultdict(float)
        self._device = device

    def __enter__(self) -> Self:
        self._before = _RUNNING.set(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _RUNNING.reset(self._before)

    def synchronize(self) -> None:
        """Waits for the queued work of the device."""
        if self._device == "cuda":
            import torch

            torch.cuda.synchronize()


_RUNNING: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)


def is_timed() -> bool:
    """Whether a stopwatch runs in this thread."""
    return _RUNNING.get() is not None


@contextmanager
def timed(part: Part, scale: str = "") -> Iterator[None]:
    """Adds what happens inside to a phase of a scale; waits for nothing if no stopwatch runs."""
    if (stopwatch := _RUNNING.get()) is None:
        yield
        return
    stopwatch.synchronize()
    start = time.perf_counter()
    try:
        yield
    finally:
        stopwatch.synchronize()
        stopwatch.seconds[part, scale] += time.perf_counter() - start
