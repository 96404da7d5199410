"""How busy other programs kept the machine while something was timed."""

from __future__ import annotations

import contextlib
import time
from collections import deque

import numpy as np
import pandas as pd
import psutil

from l3c.bench.measure.provenance import cores, usable_cores

NOISY = 0.1
"""Share of the cores from which on times are said not to be of a quiet machine."""
_WINDOW_S = 1.0  # the system counts in steps of 10 ms


class OtherLoad:
    """Reads how busy other programs keep the cores that this process may use."""

    def __init__(self) -> None:
        self._readings = deque([_read()])

    def share(self) -> float:
        """Share of the cores that other processes kept busy, 0 to 1.

        Others are all but this process and those that it has started. It is the mean since the
        last call, or over about a second where that is longer.
        """
        self._readings.append(_read())
        while len(self._readings) > 2 and self._readings[-1][0] - self._readings[1][0] >= _WINDOW_S:
            self._readings.popleft()
        spent, others = np.subtract(self._readings[-1], self._readings[0])
        return round(float(np.clip(others / (cores() * max(spent, 1e-3)), 0, 1)), 3)


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


def _read() -> tuple[float, float]:
    """Seconds of the clock, and of all other programs together on the cores at hand."""
    at, hands = time.perf_counter(), usable_cores()
    all_cores = psutil.cpu_times(percpu=True)
    mine = [times for n, times in enumerate(all_cores) if hands is None or n in hands]
    names = ("user", "system", "nice", "irq", "softirq", "steal")  # macOS has the first three
    others = sum(getattr(times, name, 0.0) for times in mine for name in names)
    process = psutil.Process()
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # ended meanwhile
            others -= sum(each.cpu_times()[:4])  # user, system, and those of ended children
    return at, others
