"""Two runs side by side: what both measured, what only one did, what was changed between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from l3c.bench.changes import Change, changes, not_compared
from l3c.bench.difference import Difference, difference
from l3c.bench.measure.crops import image_of
from l3c.bench.result_folder import ResultFolder
from l3c.bench.schema import TOTAL, measured, rows_of

_IMAGE = ["dataset", "image"]
_SETTING = ["dataset", "key", "device", "threads", "direction"]
_CROP = ["dataset", "image", "width", "height"]


class NothingSharedError(ValueError):
    """Two runs have no method in common that saw the same pixels."""


@dataclass(frozen=True)
class MethodDifference:
    """One method on one data set, over the images that both runs share.

    Attributes:
        key, method: of the method; the label as in A.
        bpsp: bits per sub-pixel.
        encode_s, decode_s: seconds per image.
        unchanged: a codec of the same version and settings, with the same bytes, and none of ours.
    """

    key: str
    method: str
    bpsp: Difference
    encode_s: Difference
    decode_s: Difference
    unchanged: bool


@dataclass(frozen=True)
class DatasetDifference:
    """One data set that both runs measured.

    Attributes:
        dataset: its key.
        images: names of the images that both have, with the same pixels.
        methods: that both measured on at least one of these.
        methods_only_a, methods_only_b: labels of the others.
        images_only_a, images_only_b: names of images that only one run has.
        other_pixels: names that stand for different pixels in A and B; left out.
    """

    dataset: str
    images: list[str]
    methods: list[MethodDifference]
    methods_only_a: list[str]
    methods_only_b: list[str]
    images_only_a: list[str]
    images_only_b: list[str]
    other_pixels: list[str]

    @property
    def control_percent(self) -> tuple[float, float] | None:
        """Least and largest change of the times of unchanged codecs: what the machine did."""
        times = [time for m in self.methods if m.unchanged for time in (m.encode_s, m.decode_s)]
        percents = [time.percent for time in times if time.percent is not None]
        return (min(percents), max(percents)) if percents else None


@dataclass(frozen=True)
class TimingDifference:
    """One method in one setting, over the crops that both runs clocked.

    Attributes:
        dataset, key: of the data set and the method.
        device: "cpu" or "cuda".
        threads: that the method was given.
        direction: "encode" or "decode".
        method: label as in A.
        seconds: per crop; of each crop the median of its runs counts.
    """

    dataset: str
    key: str
    device: str
    threads: int
    direction: str
    method: str
    seconds: Difference


@dataclass(frozen=True)
class RunDifference:
    """Everything that tells two runs apart.

    Attributes:
        datasets: those that both measured.
        datasets_only_a, datasets_only_b: keys of the others.
        timing: of crops, the settings in which both clocked the same crops.
        timing_only_a, timing_only_b: what else each of them clocked, in words.
        changes: what was changed between the runs.
        not_compared: name of a folder -> what it does not say, of which the other one speaks.
    """

    datasets: list[DatasetDifference]
    datasets_only_a: list[str]
    datasets_only_b: list[str]
    timing: list[TimingDifference]
    timing_only_a: list[str]
    timing_only_b: list[str]
    changes: list[Change]
    not_compared: dict[str, list[str]]

    @property
    def same_machine(self) -> bool:
        """Whether hardware, numerical libraries and threads were the same."""
        return all(change.section != "machine" for change in self.changes)


def compare(a: ResultFolder, b: ResultFolder) -> RunDifference:
    """Sets run B beside run A.

    Raises:
        NothingSharedError: no method of A was measured in B on an image with the same pixels.
    """
    one, two = measured(a.rows), measured(b.rows)
    first, second = _unique(one.dataset), _unique(two.dataset)
    datasets = [
        _dataset(name, one[one.dataset == name], two[two.dataset == name])
        for name in first
        if name in second
    ]
    if not any(dataset.methods for dataset in datasets):
        raise NothingSharedError(_why_nothing(a.name, b.name, one, two, datasets))
    other_pixels = {
        (dataset.dataset, image) for dataset in datasets for image in dataset.other_pixels
    }
    ours, theirs = _clocked(a.timing), _clocked(b.timing)
    both = ours.merge(theirs, on=[*_SETTING, *_CROP[1:]], suffixes=("", "_b"))
    alike = [
        of not in other_pixels for of in zip(both.dataset, map(image_of, both.image), strict=True)
    ]
    both = both[pd.Series(alike, both.index, dtype=bool)]
    return RunDifference(
        datasets,
        datasets_only_a=[name for name in first if name not in second],
        datasets_only_b=[name for name in second if name not in first],
        timing=[_timing(rows) for _, rows in both.groupby(_SETTING, sort=False)],
        timing_only_a=list(_only(ours, theirs, other_pixels)),
        timing_only_b=list(_only(theirs, ours, other_pixels)),
        changes=changes(a, b),
        not_compared=not_compared(a, b),
    )


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _dataset(name: str, a: pd.DataFrame, b: pd.DataFrame) -> DatasetDifference:
    pixels_a, pixels_b = (dict(zip(t.image, t.pixel_sha256, strict=True)) for t in (a, b))
    both = [image for image in pixels_a if image in pixels_b]
    shared = [image for image in both if pixels_a[image] == pixels_b[image]]
    pairs = a[a.image.isin(shared)].merge(b, on=["key", "image"], suffixes=("", "_b"))
    return DatasetDifference(
        dataset=name,
        images=shared,
        methods=[_method(rows) for _, rows in pairs.groupby("key", sort=False)],
        methods_only_a=_unique(a.method[~a.key.isin(b.key)]),
        methods_only_b=_unique(b.method[~b.key.isin(a.key)]),
        images_only_a=[image for image in pixels_a if image not in pixels_b],
        images_only_b=[image for image in pixels_b if image not in pixels_a],
        other_pixels=[image for image in both if pixels_a[image] != pixels_b[image]],
    )


def _method(pairs: pd.DataFrame) -> MethodDifference:
    """One method, its rows of A and B side by side."""
    bpsp, encode_s, decode_s = (_difference(pairs, n) for n in ("bpsp", "encode_s", "decode_s"))
    alike = all((pairs[name] == pairs[f"{name}_b"]).all() for name in ("version", "settings"))
    classical = pairs[["cross_entropy_bits", "cross_entropy_bits_b"]].isna().all(axis=None)
    return MethodDifference(
        key=str(pairs.key.iloc[0]),
        method=str(pairs.method.iloc[0]),
        bpsp=bpsp,
        encode_s=encode_s,
        decode_s=decode_s,
        unchanged=bool(alike and classical and bpsp.equal),
    )


def _difference(pairs: pd.DataFrame, column: str) -> Difference:
    return difference(pairs[column].tolist(), pairs[f"{column}_b"].tolist())


def _clocked(timing: pd.DataFrame) -> pd.DataFrame:
    """Seconds of each crop in each setting, all stages together: medians of its runs."""
    rows = measured(timing)
    rows = rows[rows.stage == TOTAL]
    return rows.groupby([*_SETTING, *_CROP[1:]], sort=False, as_index=False).agg(
        method=("method", "first"), seconds=("seconds", "median")
    )


def _timing(pairs: pd.DataFrame) -> TimingDifference:
    first = pairs.iloc[0]
    about = {name: first[name] for name in (*_SETTING, "method")}
    about["threads"] = int(about["threads"])
    return TimingDifference(**about, seconds=_difference(pairs, "seconds"))


def _only(
    one: pd.DataFrame, two: pd.DataFrame, other_pixels: set[tuple[str, str]]
) -> Iterator[str]:
    """What was clocked in one run and not in the other.

    Args:
        one: of the run, see `_clocked`.
        two: of the other one.
        other_pixels: data set and name of images whose pixels differ.
    """
    settings = {tuple(setting) for setting in two[_SETTING].to_numpy().tolist()}
    found = []
    for row in rows_of(one.drop_duplicates(_SETTING)):
        if row.dataset not in set(two.dataset):
            found.append(f"crops of {row.dataset}")
        elif (row.dataset, row.key, row.device, row.threads, row.direction) not in settings:
            found.append(f"{row.method} on {row.dataset} ({resources(row.device, row.threads)})")
    yield from _unique(found)
    crops = {tuple(crop) for crop in two[_CROP].to_numpy().tolist()}
    for dataset, image, width, height in sorted(set(one[_CROP].itertuples(index=False, name=None))):
        alike = (dataset, image, width, height) in crops
        if dataset in set(two.dataset) and (
            not alike or (dataset, image_of(image)) in other_pixels
        ):
            yield f"crop {image} of {dataset} ({width} x {height})"


def resources(device: str, threads: int) -> str:
    """What a method was given, in words."""
    return f"{device}, {threads} thread{'' if threads == 1 else 's'}"


def _why_nothing(
    a: str, b: str, one: pd.DataFrame, two: pd.DataFrame, datasets: list[DatasetDifference]
) -> str:
    def has(column: str) -> str:
        first, second = (", ".join(_unique(rows[column])) for rows in (one, two))
        return f"{a} has {first}; {b} has {second}: measure one"

    if not datasets:
        return f"no data set is in both: {has('dataset')} in both, under the same key"
    if not any(dataset.images for dataset in datasets):
        return (
            f"no image of {', '.join(d.dataset for d in datasets)} has the same pixels in both: "
            f"measure the same images in {a} and {b}"
        )
    return f"no method is in both: {has('key')} in both"
