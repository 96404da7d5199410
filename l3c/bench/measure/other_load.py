"""How busy other programs kept the machine while something was timed."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass

import pandas as pd
import psutil

from l3c.bench.measure.provenance import cores, usable_cores

NOISY = 0.1
"""Share of the cores from which on times are said not to be of a quiet machine."""
_WINDOW_S = 1.0  # the system counts in steps of 10 ms


@dataclass(frozen=True)
class _Reading:
    """Seconds: of the clock, of all programs together on the cores at hand, and of our own."""

    at: float
    busy: float
    own: float


class OtherLoad:
    """Reads how busy other programs keep the cores that this process may use."""

    def __init__(self) -> None:
        self._readings = deque([_read()])

    def share(self) -> float:
        """Share of the cores that other processes kept busy, 0 to 1.

        Others are all but this process and those that it has started. It is the mean since the
        last call, or over about a second where that is longer.
        """
        now = _read()
        self._readings.append(now)
        while len(self._readings) > 2 and now.at - self._readings[1].at >= _WINDOW_S:
            self._readings.popleft()
        before = self._readings[0]
        others = (now.busy - before.busy) - (now.own - before.own)
        share = others / (cores() * max(now.at - before.at, 1e-3))
        return round(min(1.0, max(0.0, share)), 3)


def noise_note(*tables: pd.DataFrame) -> str:
    """What to say below times of a machine that was not quiet; "" if it was.

    A method counts by the mean over its rows.

    Args:
        tables: rows of images, crops or batches, as `l3c.bench.schema.frame` gives them.
    """
    rows = pd.concat([table[["method", "other_load"]] for table in tables])
    means = rows.astype({"other_load": float}).groupby("method", sort=False).other_load.mean()
    noisy = [f"{100 * mean:.0f} % for {method}" for method, mean in means.items() if mean >= NOISY]
    if not noisy:
        return ""
    return (
        "The machine was not quiet, so that times are too long: share of its cores that other "
        f"programs kept busy meanwhile: {', '.join(noisy)}"
    )


def _read() -> _Reading:
    at, hands = time.perf_counter(), usable_cores()
    all_cores = psutil.cpu_times(percpu=True)
    mine = [times for n, times in enumerate(all_cores) if hands is None or n in hands]
    names = ("user", "system", "nice", "irq", "softirq", "steal")  # macOS has the first three
    busy = sum(getattr(times, name, 0.0) for times in mine for name in names)
    process, own = psutil.Process(), 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # ended meanwhile
            spent = each.cpu_times()
            own += spent.user + spent.system + spent.children_user + spent.children_system
    return _Reading(at, busy, own)
