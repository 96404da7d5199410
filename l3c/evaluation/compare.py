"""Two runs side by side: what both measured, what only one did, what was changed between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from l3c.evaluation.changes import Change, changes, not_compared
from l3c.evaluation.compare_timing import TimingComparison, compare_timing
from l3c.evaluation.difference import Difference, difference
from l3c.evaluation.result_folder import ResultFolder
from l3c.evaluation.rows import ResultRow


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
class RunDifference:
    """Everything that tells two runs apart.

    Attributes:
        datasets: those that both measured.
        datasets_only_a, datasets_only_b: keys of the others.
        timing: of crops.
        changes: what was changed between the runs.
        not_compared: name of a folder -> what it does not say, of which the other one speaks.
    """

    datasets: list[DatasetDifference]
    datasets_only_a: list[str]
    datasets_only_b: list[str]
    timing: TimingComparison
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
    one, two = _by_dataset(a.rows), _by_dataset(b.rows)
    datasets = [_dataset(name, rows, two[name]) for name, rows in one.items() if name in two]
    if not any(dataset.methods for dataset in datasets):
        raise NothingSharedError(_why_nothing(a.name, b.name, one, two, datasets))
    left_out = {(dataset.dataset, image) for dataset in datasets for image in dataset.other_pixels}
    return RunDifference(
        datasets,
        datasets_only_a=[name for name in one if name not in two],
        datasets_only_b=[name for name in two if name not in one],
        timing=compare_timing(a.timing, b.timing, left_out),
        changes=changes(a, b),
        not_compared=not_compared(a, b),
    )


def _by_dataset(rows: Iterable[ResultRow]) -> dict[str, list[ResultRow]]:
    found: dict[str, list[ResultRow]] = {}
    for row in rows:
        found.setdefault(row.dataset, []).append(row)
    return found


def _dataset(name: str, a: Sequence[ResultRow], b: Sequence[ResultRow]) -> DatasetDifference:
    pixels_a, pixels_b = ({row.image: row.pixel_sha256 for row in rows} for rows in (a, b))
    both = [image for image in pixels_a if image in pixels_b]
    shared = {image: None for image in both if pixels_a[image] == pixels_b[image]}
    keys_a, keys_b = ({row.key: row.method for row in rows} for rows in (a, b))
    methods = [
        _method(
            {row.image: row for row in a if row.key == key and row.image in shared},
            {row.image: row for row in b if row.key == key and row.image in shared},
        )
        for key in keys_a
        if key in keys_b
    ]
    return DatasetDifference(
        dataset=name,
        images=list(shared),
        methods=[method for method in methods if method is not None],
        methods_only_a=[label for key, label in keys_a.items() if key not in keys_b],
        methods_only_b=[label for key, label in keys_b.items() if key not in keys_a],
        images_only_a=[image for image in pixels_a if image not in pixels_b],
        images_only_b=[image for image in pixels_b if image not in pixels_a],
        other_pixels=[image for image in both if pixels_a[image] != pixels_b[image]],
    )


def _method(a: Mapping[str, ResultRow], b: Mapping[str, ResultRow]) -> MethodDifference | None:
    """One method, its rows by image; None where no image is in both."""
    pairs = [(row, b[image]) for image, row in a.items() if image in b]
    if not pairs:
        return None

    def compared(column: str) -> Difference:
        one, two = zip(*((getattr(x, column), getattr(y, column)) for x, y in pairs), strict=True)
        return difference(one, two)

    first = pairs[0][0]
    bpsp = compared("bpsp")
    alike = all((x.version, x.settings) == (y.version, y.settings) for x, y in pairs)
    classical = all(row.bits_theory is None for pair in pairs for row in pair)
    return MethodDifference(
        key=first.key,
        method=first.method,
        bpsp=bpsp,
        encode_s=compared("encode_s"),
        decode_s=compared("decode_s"),
        unchanged=alike and classical and bpsp.equal,
    )


def _why_nothing(
    a: str,
    b: str,
    one: Mapping[str, Sequence[ResultRow]],
    two: Mapping[str, Sequence[ResultRow]],
    datasets: Sequence[DatasetDifference],
) -> str:
    def listed(names: Iterable[str]) -> str:
        return ", ".join(dict.fromkeys(names))

    if not datasets:
        return (
            f"no data set is in both: {a} has {listed(one)}; {b} has {listed(two)}: measure one "
            "in both, under the same key"
        )
    if not any(dataset.images for dataset in datasets):
        return (
            f"no image of {listed(d.dataset for d in datasets)} has the same pixels in both: "
            f"measure the same images in {a} and {b}"
        )
    return (
        f"no method is in both: {a} has {listed(row.key for rows in one.values() for row in rows)};"
        f" {b} has {listed(row.key for rows in two.values() for row in rows)}: measure one in both"
    )
