"""Sections of the paper's tables that hold seconds, and the memory beside them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from l3c.evaluation.batch_rows import BatchRow
from l3c.evaluation.paper_lines import NOT_A_METHOD, Line, Measured
from l3c.evaluation.published import PublishedValue, normalize, published_name
from l3c.evaluation.repeated_runs import RepeatedRuns
from l3c.evaluation.timing_rows import TOTAL, TimingRow

NOTHING = ("measured",)  # the one column of a section for which nothing was measured


@dataclass(frozen=True, order=True)
class Setting:
    """What a run was given; the order is that of the columns.

    Attributes:
        method: label of the model where several stand side by side, else "".
        device: "cpu" or "cuda".
        threads: of the processor; 0 where all numbers of threads are taken together.
    """

    method: str
    device: str
    threads: int

    def __str__(self) -> str:
        device = "GPU" if self.device == "cuda" else "CPU"
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}" if self.threads else ""
        return ", ".join(part for part in (self.method, device, threads) if part)


def timed(runs: RepeatedRuns) -> Measured:
    """Seconds of clocked runs and how far they scatter."""
    return Measured(runs.seconds(), runs.spread(), runs.count)


@dataclass
class Samples:
    """Clocked runs: by what the lines are and in which setting."""

    values: dict[tuple[str, Setting], RepeatedRuns] = field(default_factory=dict)

    def add(self, line: str, setting: Setting, crop: str, value: float) -> None:
        """Adds one run."""
        self.values.setdefault((line, setting), RepeatedRuns()).add(crop, value)

    def settings(self) -> list[Setting]:
        """The columns."""
        return sorted({setting for _, setting in self.values})

    def lines(self) -> list[str]:
        """In the order of their first run."""
        return list(dict.fromkeys(line for line, _ in self.values))

    def measured(
        self, line: str, summarize: Callable[[RepeatedRuns], Measured] = timed
    ) -> tuple[Measured | None, ...]:
        """The cells of a line."""
        found = [self.values.get((line, setting)) for setting in self.settings()]
        return tuple(summarize(runs) if runs else None for runs in found) or (None,)

    def columns(self) -> tuple[str, ...]:
        """Titles of the columns, at least one."""
        return tuple(map(str, self.settings())) or NOTHING


def largest(runs: RepeatedRuns) -> Measured:
    """The most of all runs."""
    return Measured(max(max(values) for values in runs.by_crop.values()), None, runs.count)


def total_seconds(timing: Iterable[TimingRow], direction: str) -> Samples:
    """Seconds per crop by key of the method."""
    samples = Samples()
    for row in timing:
        if (row.stage, row.direction) == (TOTAL, direction):
            samples.add(row.key, Setting("", row.device, row.threads), row.image, row.seconds)
    return samples


def peak_memory(timing: Iterable[TimingRow]) -> Samples:
    """MiB by key of the method: one process ran all crops, threads and directions."""
    samples = Samples()
    for row in timing:
        if row.peak_mib is not None:
            samples.add(row.key, Setting("", row.device, 0), row.image, row.peak_mib)
    return samples


def stage_seconds(
    timing: Sequence[TimingRow], keys: Collection[str], stages: Collection[str]
) -> Samples:
    """Decoding seconds of some stages for each crop and run, by scale: "s=0", ..., and "total"."""
    rows = [row for row in timing if row.key in keys and row.direction == "decode"]
    several = len({row.key for row in rows}) > 1
    samples: dict[tuple[str, Setting, str, int], float] = {}
    for row in rows:
        setting = Setting(row.method if several else "", row.device, row.threads)
        if row.stage in stages:
            for line in (*_scale(row.scale), "total"):
                run = (line, setting, row.image, row.run)
                samples[run] = samples.get(run, 0.0) + row.seconds
    result = Samples()
    for (line, setting, crop, _), seconds in samples.items():
        result.add(line, setting, crop, seconds)
    return result


def _scale(scale: str) -> list[str]:
    """The line of a scale: "s=0" for "x", "s=1" for "z1", none for stages of all scales."""
    return [f"s={0 if scale == 'x' else scale.removeprefix('z')}"] if scale else []


def seconds_per_image(
    batches: Sequence[BatchRow], keys: Collection[str], operation: str, side: int
) -> Samples:
    """Seconds per image by batch size, "30" and so on."""
    rows = [row for row in batches if row.key in keys and row.operation == operation]
    several = len({row.key for row in rows}) > 1
    samples = Samples()
    for row in sorted(rows, key=lambda row: row.batch):
        if row.side == side:
            setting = Setting(row.method if several else "", row.device, row.threads)
            batch = str(row.batch)
            samples.add(batch, setting, batch, row.seconds / row.batch)
    return samples


def method_lines(
    published: Sequence[PublishedValue],
    samples: Samples,
    methods: Mapping[str, str],
    published_as: Mapping[str, str],
    summarize: Callable[[RepeatedRuns], Measured] = timed,
) -> tuple[Line, ...]:
    """The paper's methods in its order, then those it does not have.

    Args:
        published: one quantity on one data set and edition.
        samples: by key of the method.
        methods: key -> label of what was measured.
        published_as: key -> name in the paper, for methods that are called otherwise here.
        summarize: makes a cell of the runs of a setting.
    """
    values = {normalize(value.method): value for value in published}
    names = {
        key: published_name(key, methods[key], published_as, values) for key in samples.lines()
    }

    def line(key: str, value: PublishedValue | None) -> Line:
        return Line(methods[key], value, None, samples.measured(key, summarize))

    absent = NOT_A_METHOD if samples.values else ""
    lines = []
    for name, value in values.items():
        matching = [line(key, value) for key in names if names[key] == name]
        empty = Line(value.method, value, None, (None,) * len(samples.columns()), absent)
        lines += matching or [empty]
    return (*lines, *(line(key, None) for key in names if not names[key]))


def counted_lines(
    published: Mapping[str, PublishedValue], samples: Samples, order: Callable[[str], int]
) -> tuple[Line, ...]:
    """Lines of scales or batch sizes, the paper's and those that it lacks.

    Args:
        published: line -> value.
        samples: by line.
        order: which line is first.
    """
    lines = sorted({*published, *samples.lines()}, key=order)
    return tuple(Line(line, published.get(line), None, samples.measured(line)) for line in lines)
