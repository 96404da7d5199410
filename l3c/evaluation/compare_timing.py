"""The timing of two runs side by side: encoding and decoding of the crops that both clocked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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

    @property
    def resources(self) -> str:
        """What the method was given, in words."""
        return f"{self.device}, {self.threads} thread{'' if self.threads == 1 else 's'}"


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


@dataclass(frozen=True)
class TimingComparison:
    """The timing of two runs.

    Attributes:
        settings: those under which both clocked the same crops, one or more.
        only_a, only_b: what else each of them clocked, in words.
    """

    settings: list[TimingDifference]
    only_a: list[str]
    only_b: list[str]


def compare_timing(
    a: Sequence[TimingRow], b: Sequence[TimingRow], left_out: Collection[tuple[str, str]]
) -> TimingComparison:
    """Compares what both clocked.

    Args:
        a: rows of one run.
        b: rows of the other.
        left_out: data set and name of images whose pixels differ; crops of them are not compared.
    """
    labels = {row.key: row.method for row in [*b, *a]}
    crops_a, crops_b = _crops(a), _crops(b)
    alike = {
        crop for crop in crops_a & crops_b if (crop.dataset, image_of(crop.name)) not in left_out
    }
    names = {(crop.dataset, crop.name) for crop in alike}
    one, two = _medians(a), _medians(b)
    found = []
    for setting, crops in one.items():
        others = two.get(setting, {})
        shared = [crop for crop in crops if crop in others and (setting.dataset, crop) in names]
        if shared:
            seconds = difference(
                [crops[crop] for crop in shared], [others[crop] for crop in shared]
            )
            found.append(TimingDifference(setting, labels[setting.key], seconds))
    return TimingComparison(
        found,
        only_a=[*dict.fromkeys(_others(one, two, crops_a - alike, labels))],
        only_b=[*dict.fromkeys(_others(two, one, crops_b - alike, labels))],
    )


class _Crop(NamedTuple):
    """A crop of an image of a data set; the same name may stand for crops of two sizes."""

    dataset: str
    name: str
    width: int
    height: int


def _crops(rows: Iterable[TimingRow]) -> set[_Crop]:
    return {_Crop(row.dataset, row.image, row.width, row.height) for row in rows}


def _others(
    one: Collection[Setting],
    two: Collection[Setting],
    crops: Iterable[_Crop],
    labels: Mapping[str, str],
) -> Iterator[str]:
    """What was clocked in one run and not in the other.

    Args:
        one: settings of the run.
        two: those of the other one.
        crops: that only `one` has.
        labels: of the methods.
    """
    datasets = {setting.dataset for setting in two}
    for setting in one:
        if setting.dataset not in datasets:
            yield f"crops of {setting.dataset}"
        elif setting not in two:
            yield f"{labels[setting.key]} on {setting.dataset} ({setting.resources})"
    for crop in sorted(crops):
        if crop.dataset in datasets:
            yield f"crop {crop.name} of {crop.dataset} ({crop.width} x {crop.height})"


def _medians(rows: Iterable[TimingRow]) -> dict[Setting, Mapping[str, float]]:
    """Setting -> crop -> median seconds of its runs, all stages together."""
    runs: dict[Setting, RepeatedRuns] = {}
    for row in rows:
        if row.stage == TOTAL:
            setting = Setting(row.dataset, row.key, row.device, row.threads, row.direction)
            runs.setdefault(setting, RepeatedRuns()).add(row.image, row.seconds)
    return {setting: crops.medians() for setting, crops in runs.items()}
