"""Seconds of repeated runs of several crops -> one number, and how far the runs scatter.

Of each crop the median of its runs counts, and all crops count alike. The spread is that of the
runs: crops differ by what they show, which tells nothing of how well a time is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean, median

import numpy as np

from l3c.evaluation.bootstrap import Interval


@dataclass
class RepeatedRuns:
    """Seconds of clocked runs of one method in one setting.

    Attributes:
        by_crop: name of a crop, or of whatever else was run -> seconds of its runs.
    """

    by_crop: dict[str, list[float]] = field(default_factory=dict)

    def add(self, crop: str, seconds: float) -> None:
        """Adds one run."""
        self.by_crop.setdefault(crop, []).append(seconds)

    @property
    def count(self) -> int:
        """Runs of all crops."""
        return sum(map(len, self.by_crop.values()))

    def medians(self) -> dict[str, float]:
        """Crop -> median of its runs."""
        return {crop: median(seconds) for crop, seconds in self.by_crop.items()}

    def seconds(self) -> float:
        """Mean over crops of the medians of their runs."""
        return fmean(self.medians().values())

    def spread(self) -> Interval | None:
        """Lower and upper quartile over runs, means over crops.

        None if each crop has one value only: it ran once, or all its runs were given the same.
        """
        if all(len(set(seconds)) == 1 for seconds in self.by_crop.values()):
            return None
        quartiles = [np.percentile(seconds, (25, 75)) for seconds in self.by_crop.values()]
        low, high = np.mean(quartiles, axis=0)
        return Interval(float(low), float(high))
