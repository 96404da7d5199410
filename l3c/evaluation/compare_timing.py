"""The timing of two runs side by side: encoding and decoding of the crops that both clocked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from l3c.evaluation.crops import image_of
from l3c.evaluation.difference import Difference, difference
from l3c.evaluation.repeated_runs import RepeatedRuns
from l3c.evaluation.timing_rows import TOTAL, TimingRow


@dataclass(frozen=True)
class Setting:
    """What was clocked.

    Attributes:
        dataset, key: of the data set and the method.
        device: "cpu" or "cuda".
        threads: that the method was given.
        direction: "encode" or "decode".
    """

    dataset: str
    key: str
    device: str
    threads: int
    direction: str


@dataclass(frozen=True)
class TimingDifference:
    """One method under one setting, over the crops that both runs clocked.

    Attributes:
        setting: the same in both.
        method: label as in A.
        seconds: per crop; of each crop the median of its runs counts.
    """

    setting: Setting
    method: str
    seconds: Difference


def compare_timing(
    a: Sequence[TimingRow], b: Sequence[TimingRow], left_out: Collection[tuple[str, str]]
) -> list[TimingDifference]:
    """Compares what both clocked.

    Args:
        a: rows of one run.
        b: rows of the other.
        left_out: data set and name of images whose pixels differ; crops of them are not compared.
    """
    labels: dict[str, str] = {}
    for row in a:
        labels.setdefault(row.key, row.method)
    one, two = _medians(a), _medians(b)
    found = []
    for setting, crops in one.items():
        others = two.get(setting, {})
        shared = [
            crop
            for crop in crops
            if crop in others and (setting.dataset, image_of(crop)) not in left_out
        ]
        if shared:
            seconds = difference(
                [crops[crop] for crop in shared], [others[crop] for crop in shared]
            )
            found.append(TimingDifference(setting, labels[setting.key], seconds))
    return found


def _medians(rows: Iterable[TimingRow]) -> dict[Setting, Mapping[str, float]]:
    """Setting -> crop -> median seconds of its runs, all stages together."""
    runs: dict[Setting, RepeatedRuns] = {}
    for row in rows:
        if row.stage == TOTAL:
            setting = Setting(row.dataset, row.key, row.device, row.threads, row.direction)
            runs.setdefault(setting, RepeatedRuns()).add(row.image, row.seconds)
    return {setting: crops.medians() for setting, crops in runs.items()}
