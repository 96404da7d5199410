"""A table of the paper as plain values: published beside measured, before any layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from l3c.evaluation.bootstrap import Interval
from l3c.evaluation.published import PublishedValue

BPSP = "bpsp"
SECONDS = "s"
MIB = "MiB"
NOT_A_METHOD = "not among the methods measured"


@dataclass(frozen=True)
class Measured:
    """What was measured here in one setting.

    Attributes:
        value: mean over images of a rate, times as `RepeatedRuns` sums them up, most of memory.
        spread: of a rate the bootstrap interval, of times the quartiles; None where neither is.
        count: images, or clocked runs.
        total: of a rate, all bits over all sub-pixels.
        vs_reference: of a rate, percent above L3C's, ours against ours.
        theory: of a rate, the mean cross-entropy under the method's own model, if it has one.
    """

    value: float
    spread: Interval | None
    count: int
    total: float | None = None
    vs_reference: float | None = None
    theory: float | None = None


@dataclass(frozen=True)
class Line:
    """A method, a scale or a batch size.

    Attributes:
        label: which.
        published: None where the paper has no value.
        published_vs_reference: percent above L3C's, published against published; rates only.
        measured: in each setting of the section, None where it was not measured.
        reason: why some of `measured` are None or lack images, where that is known.
        external: an external program does it; the way to it is in the times.
    """

    label: str
    published: PublishedValue | None
    published_vs_reference: float | None
    measured: tuple[Measured | None, ...]
    reason: str = ""
    external: bool = False


@dataclass(frozen=True)
class Section:
    """One quantity, published on one data set, for several methods, scales or batch sizes.

    Attributes:
        title: of the section.
        label: published data set and edition, "" where the paper has nothing like it.
        quantity: as in results/published.csv.
        unit: of its values.
        head: what the lines are.
        settings: what the measured columns are, at least one.
        lines: in the order of the paper, then what the paper lacks.
        dataset: key of our data set, "" for none.
        same: whether that is the published one; None without a data set.
        remark: what was measured instead, or why nothing was; one or more sentences.
    """

    title: str
    label: str
    quantity: str
    unit: str
    head: str
    settings: tuple[str, ...]
    lines: tuple[Line, ...]
    dataset: str = ""
    same: bool | None = None
    remark: str = ""


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper.

    Attributes:
        number: as in the paper, "A1".
        title: what it is about.
        sections: at least one.
        notes: on this table alone.
        machines: hardware and versions that its measurements come from.
        methods: version and settings of each method measured for it.
        deviations: of the models among them, as `network_deviations` tells.
    """

    number: str
    title: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    machines: tuple[str, ...]
    methods: tuple[str, ...]
    deviations: Mapping[str, str]
