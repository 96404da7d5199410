"""Two runs side by side: sizes and speeds of what both measured, with a verdict for each method.

Images are paired by their pixels, so the intervals say how far a difference depends on which images
were taken. They do not know how much another training of the same recipe, or another hour of the
same machine, would have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from statistics import fmean

from l3c.evaluation.bootstrap import difference_interval
from l3c.evaluation.changes import Change, changes, not_compared
from l3c.evaluation.result_folder import ResultFolder
from l3c.evaluation.rows import ResultRow

# Signs of n differences that are due to chance agree with probability 2^(1-n): below 5 % from here.
FEWEST_IMAGES = 6


class NothingSharedError(ValueError):
    """Two runs have no method in common that saw the same pixels."""


@dataclass(frozen=True)
class Difference:
    """Means over the images that A and B share, and how far B's lies from A's.

    Attributes:
        a, b: means over images.
        images: how many.
        percent: B above (+) or below (-) A, in percent of A; None if A's mean is 0.
        low, high: 95 % interval of `percent` (paired bootstrap over images); None if there are
            fewer than FEWEST_IMAGES.
        equal: no image differs.
    """

    a: float
    b: float
    images: int
    percent: float | None
    low: float | None
    high: float | None
    equal: bool


@dataclass(frozen=True)
class MethodDifference:
    """One method on one data set, over the images that both runs share.

    Attributes:
        key, method: of the method; the label as in A.
        bpsp: bits per sub-pixel.
        encode_s, decode_s: seconds per image.
    """

    key: str
    method: str
    bpsp: Difference
    encode_s: Difference
    decode_s: Difference


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


@dataclass(frozen=True)
class RunDifference:
    """Everything that tells two runs apart.

    Attributes:
        datasets: those that both measured.
        datasets_only_a, datasets_only_b: keys of the others.
        changes: what was changed between the runs.
        not_compared: name of a folder -> what it does not say, of which the other one speaks.
    """

    datasets: list[DatasetDifference]
    datasets_only_a: list[str]
    datasets_only_b: list[str]
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
    return RunDifference(
        datasets,
        datasets_only_a=[name for name in one if name not in two],
        datasets_only_b=[name for name in two if name not in one],
        changes=changes(a, b),
        not_compared=not_compared(a, b),
    )


def difference(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Compares two series of numbers above 0, one for each image, in the same order."""
    mean_a, mean_b = fmean(a), fmean(b)
    percent = low = high = None
    if mean_a > 0:
        ratio = mean_b / mean_a
        percent = 100 * (ratio - 1)
        # Around the ratio of the means, so that a change of equal percents has a narrow interval
        # whatever the images are (linearised ratio estimator).
        scaled = [ratio * value for value in a]
        interval = difference_interval(b, scaled) if len(a) >= FEWEST_IMAGES else None
        if interval:
            low, high = (percent + 100 * bound / mean_a for bound in interval)
    equal = all(x == y for x, y in zip(a, b, strict=True))
    return Difference(mean_a, mean_b, len(a), percent, low, high, equal)


def size_verdict(change: Difference) -> str:
    """What came of the size of the files, B against A."""
    return "same bytes" if change.equal else _verdict(change, "smaller", "larger")


def time_verdict(change: Difference) -> str:
    """What came of the time, B against A, in percent of A's seconds."""
    return "same time" if change.equal else _verdict(change, "faster", "slower")


def _verdict(change: Difference, less: str, more: str) -> str:
    if change.percent is None:
        return "not comparable: A is 0"
    word = less if change.percent < 0 else more
    size = abs(change.percent)
    if change.low is None or change.high is None:
        images = "1 image" if change.images == 1 else f"{change.images} images"
        return f"{word} by {_digits(size)(size)} % on {images}, too few for an interval"
    if change.low <= 0 <= change.high:
        return "no difference beyond chance"
    shown = _digits(size)
    low, high = sorted((abs(change.low), abs(change.high)))
    return f"{word} by {shown(size)} % ({shown(low)} to {shown(high)})"


def _digits(percent: float) -> Callable[[float], str]:
    """Prints percents with one decimal, or with as many as show two digits of a small one."""
    decimals = 1 if percent >= 0.1 or percent == 0 else min(1 - floor(log10(percent)), 6)
    return lambda value: f"{value:.{decimals}f}"


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
    return MethodDifference(
        first.key, first.method, *(compared(name) for name in ("bpsp", "encode_s", "decode_s"))
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
        return f"no data set is in both: {a} has {listed(one)}; {b} has {listed(two)}"
    if not any(dataset.images for dataset in datasets):
        return f"no image of {listed(d.dataset for d in datasets)} has the same pixels in both"
    return (
        f"no method is in both: {a} has {listed(row.key for rows in one.values() for row in rows)};"
        f" {b} has {listed(row.key for rows in two.values() for row in rows)}"
    )
