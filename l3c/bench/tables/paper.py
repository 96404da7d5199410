"""Tables 1, 2, 3, A1, A2, A3 of the L3C paper, published values beside those of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from l3c.bench.published import NO_VALUES
from l3c.bench.run import Run
from l3c.bench.schema import TOTAL, failed, measured, rows_of
from l3c.bench.stats import LEAST, LEVEL, rates, repeated
from l3c.bench.tables.as_published import release_rates
from l3c.bench.tables.layout import (
    EXTERNAL_MARK,
    MARKS,
    MINUS,
    REPRODUCED_MARK,
    UNVERIFIED_MARK,
    Table,
    counted,
    table,
)
from l3c.bench.tables.methods import about, methods, named, percent_above_l3c
from l3c.bench.tables.paper_parts import (
    ALL,
    BPSP,
    MIB,
    NO_OURS,
    NOT_MEASURED,
    SECONDS,
    Part,
)

_BATCH_SIDE = 32  # of the images of Table A3, pixels
# Parts of Table A1: title, quantity, stages. The first has the sum of the paper's two columns.
_STAGES = (
    (
        "Network, CDFs and arithmetic decoding together",
        "all_stages_s",
        ("network", "coder", "range_coder"),
    ),
    ("Passes of the network", "network_s", ("network",)),
    ("CDFs and arithmetic decoding, one loop", "coder_s", ("coder", "range_coder")),
)
_SAME = "the published images."
_STAND_IN = "other images than the published ones, so compare order and distances, not values."
_NO_GPU = "GPU: not measured here."
_DEFINITIONS = (
    "*published*: in the L3C paper, of the edition in the heading (v2: camera ready, v3: the third "
    "one).",
    *(f"{mark} {MARKS[mark]}." for mark in (UNVERIFIED_MARK, EXTERNAL_MARK, REPRODUCED_MARK)),
    "*bpsp*: bits per sub-pixel, 8 times the bytes of the whole file over 3HW, mean over images; "
    f"*total bpsp*: all bits over all sub-pixels. *vs. L3C*: above (+) or below ({MINUS}) L3C's, "
    "published against published; measured against measured only where the networks are the "
    "paper's.",
    "*cross-entropy bpsp*: the estimate of a learned method's own model, mean over images, "
    "without the container of each file, which counts in small images. *release's rules bpsp*: "
    "the same by the rules of the authors' release, see as_published.md.",
    f"*{LEVEL:.0f} % interval* of the measured mean, by a percentile bootstrap over images; it is "
    f"too narrow for few images, and not given for fewer than {LEAST}.",
    "Measured seconds: the median of the clocked runs of each crop or batch, without a warm-up; "
    "means over crops. In brackets the quartiles over runs, means over crops too: how far the "
    "runs scatter, not the crops.",
    f"*{NOT_MEASURED}*: the run lacks the data set, the method or the device.",
    "The learned methods measured are the models of this run: the notes of each table have their "
    "settings and how their networks differ from the paper's, the cards their training.",
)


@table("paper/table1", "Table 1 of the paper")
def table_1(run: Run) -> Table:
    """Rates on photographs."""
    note = (
        "The first sections are of the third edition of the paper, the last ones of the second, "
        "whose Open Images were saved as JPEG: every method looks better on them."
    )
    return _table(run, "1", "Bits per sub-pixel on photographs", _rate_parts(run, "1"), [note])


@table("paper/table2", "Table 2 of the paper")
def table_2(run: Run) -> Table:
    """ImageNet32: rates, and seconds to sample."""
    values, parts = _published(run, "2"), _rate_parts(run, "2")
    times = values[values.quantity.str.startswith("sample_s")]
    for quantity, theirs in times.groupby("quantity", sort=False):
        size, batch = str(quantity).removeprefix("sample_s ").split()
        side, images = int(size.split("x")[0]), int(batch.removeprefix("bs"))
        rows = _batches(run.batches, "sample", side)
        rows = rows[rows.batch == images]
        ours = _times(_by_method(run, theirs, rows), "batch")
        title = f"Sampling one image of {size}, batch size {images}"
        parts.append(Part(title, theirs, ours, rows, str(quantity), SECONDS, remark=_missing(rows)))
    note = (
        "Published times are of a Titan X (Pascal); those of PixelCNN and MS-PixelCNN are as their "
        "authors reported them, on other machines."
    )
    return _table(run, "2", "ImageNet32: bits per sub-pixel, seconds to sample", parts, [note])


@table("paper/table3", "Table 3 of the paper")
def table_3(run: Run) -> Table:
    """Speed on crops."""
    values, rows = _published(run, "3"), measured(run.timing)
    on = {"dataset": rows.dataset.iloc[0], "same": False} if len(rows) else {}
    totals = rows[rows.stage == TOTAL]
    parts = []
    for quantity in ("encode_s", "decode_s"):
        theirs, direction = values[values.quantity == quantity], quantity.removesuffix("_s")
        ours = _times(_by_method(run, theirs, totals[totals.direction == direction]), "image")
        title = f"Seconds to {direction} a crop"
        parts.append(Part(title, theirs, ours, rows, quantity, SECONDS, **on))
    theirs = values[values.quantity == BPSP]
    crops = totals[totals.direction == "encode"].drop_duplicates(["key", "image"])
    found = rates(crops.assign(cross_entropy_bits=np.nan), ["key", "method"])
    ours = _rated(run, named(run, found.assign(failure=""), set(theirs.name)))
    parts.append(Part("Bits per sub-pixel of the crops", theirs, ours, rows, **on))
    if rows.peak_mib.notna().any():
        # One process ran all crops, threads and directions.
        memory = _by_method(run, NO_VALUES, rows[rows.peak_mib.notna()], threads=False)
        peaks = memory.groupby(["name", "line", "setting"], sort=False).peak_mib
        ours = peaks.agg(measured="max", count="size").reset_index()
        title = "Peak memory in MiB, over all crops and numbers of threads"
        parts.append(Part(title, NO_VALUES, ours, rows, "peak_mib", MIB, **on))
    notes = ["Published times are of a Titan X (Pascal) and a Xeon E5-2680 v3."]
    done = set(rows.key)
    untimed = dict.fromkeys(r.method for r in run.records if r.measured and r.key not in done)
    if len(rows) and untimed:
        notes.append(f"Measured on whole images only, not timed on crops: {', '.join(untimed)}.")
    notes += [
        f"{row.method} is not timed, since it failed on the crop {row.image}: {row.reason}."
        for row in rows_of(failed(run.timing))
    ]
    title = "Seconds and bits per sub-pixel for crops of 512x512"
    return _table(run, "3", title, parts, notes, _crops(run, rows))


@table("paper/tableA1", "Table A1 of the paper")
def table_a1(run: Run) -> Table:
    """Decoding time of L3C by scale."""
    values, rows = _published(run, "A1"), measured(run.timing)
    rows = rows[rows.key.map(run.is_reference).astype(bool)]
    on = {"dataset": rows.dataset.iloc[0], "same": False} if len(rows) else {}
    # The paper's columns of a scale together, named by the scale.
    step, scale = (values.quantity.str.split().str[n] for n in (0, 1))
    each = step.str.removesuffix("_s").str.replace("_", " ") + " " + values.printed
    steps = values.assign(name=scale, method=scale, printed="", note=each)
    sums = steps.groupby("name", sort=False, as_index=False).agg(
        {name: "first" for name in steps if name != "name"} | {"value": "sum", "note": ", ".join}
    )
    parts: list[Part] = []
    for title, quantity, stages in _STAGES:
        theirs = NO_VALUES if parts else sums
        ours = _stages(rows, stages)
        if len(theirs) or len(ours):
            parts.append(Part(title, theirs, ours, rows, quantity, SECONDS, "Scale", **on))
    listed = "; ".join(f"{line}: {note}" for line, note in zip(sums.name, sums.note, strict=True))
    notes = [
        "Published times are means of 500 crops of 512x512, which is s=0, on a Titan X (Pascal). "
        "The coarsest scale of a model has a uniform prior, so that there is no CDF to obtain: s=3 "
        "in the paper. Models here may have more scales; totals are of as many as a model has.",
        "The paper has two columns, whose sums are above: obtaining the CDFs, which are whole "
        "tables, with the passes of the network; and arithmetic decoding, which searches them. "
        f"{listed}.",
        "Ours are of L3C, without reading the container. The decoder evaluates CDFs where its "
        "search needs them, in one loop: obtaining CDFs and arithmetic decoding are not two steps.",
    ]
    return _table(run, "A1", "Decoding time by scale", parts, notes, _crops(run, rows))


@table("paper/tableA2", "Table A2 of the paper")
def table_a2(run: Run) -> Table:
    """ImageNet64: rates."""
    note = (
        "The text of the paper's appendix exchanges two percentages: L3C lies 23.8 % above "
        "PixelCNN and 19.5 % above MS-PixelCNN."
    )
    return _table(run, "A2", "ImageNet64: bits per sub-pixel", _rate_parts(run, "A2"), [note])


@table("paper/tableA3", "Table A3 of the paper")
def table_a3(run: Run) -> Table:
    """Seconds of L3C by batch size."""
    values = _published(run, "A3")
    sizes = values.quantity.str.split("bs").str[1]
    batches = run.batches[run.batches.key.map(run.is_reference).astype(bool)]
    parts = []
    for operation in ("sample", "encode", "decode"):
        sampled = operation == "sample"
        rows = _batches(batches, operation, _BATCH_SIDE)
        if not len(rows) and not sampled:
            continue
        theirs = values.assign(name=sizes, method=sizes) if sampled else NO_VALUES
        lines = rows.batch.astype(str)
        ours = _times(_with_settings(rows.assign(name=lines, line=lines)), "batch")
        of = f"The images are crops of {run.timed_on}. " if run.timed_on else ""
        files = f"{of}Each image has a file of its own; integers predict a batch at once. "
        parts.append(
            Part(
                f"Seconds to {operation} one image of {_BATCH_SIDE}x{_BATCH_SIDE}",
                *(theirs, ours, rows, f"{operation}_s", SECONDS, "Batch size"),
                dataset="" if sampled else run.timed_on,
                remark=f"{'' if sampled else files}{_missing(rows)}".strip(),
            )
        )
    note = "Published times are of a Titan X (Pascal)."
    return _table(run, "A3", "Seconds by batch size", parts, [note])


@table("paper/paper", "All tables of the paper, published values beside ours", formats=("md",))
def paper(run: Run) -> Table:
    """A page of all six."""
    return Table(
        title="Tables of the L3C paper",
        intro="Published values beside those of this run.",
        tables=[make(run) for make in (table_1, table_2, table_3, table_a1, table_a2, table_a3)],
        definitions=_DEFINITIONS,
    )


def _table(
    run: Run, number: str, title: str, parts: Sequence[Part], notes: Sequence[str], intro: str = ""
) -> Table:
    """The table with the machines, methods and models that its parts were measured by."""
    of = f"{title} (Table {number} of the L3C paper)"
    rows = pd.concat([part.rows.astype(object) for part in parts], ignore_index=True)
    timed = any(part.unit == SECONDS for part in parts)
    return Table(
        title=f"Table {number}. {title}",
        intro=intro,
        sections=[part.section(of) for part in parts],
        data=pd.concat([part.data(number) for part in parts], ignore_index=True),
        notes=[*notes, *about(run, rows, timed)],
        definitions=_DEFINITIONS,
    )


def _published(run: Run, number: str) -> pd.DataFrame:
    return run.published[run.published.table == number]


def _rate_parts(run: Run, number: str) -> list[Part]:
    """A part for each published data set and edition, and each of ours that stands for it."""
    values = _published(run, number)
    return [
        _rate_part(run, str(label), theirs, dataset)
        for label, theirs in values[values.quantity == BPSP].groupby("label", sort=False)
        for dataset in _standing_for(run, str(label), values) or [""]
    ]


def _standing_for(run: Run, label: str, values: pd.DataFrame) -> list[str]:
    """Our measured data sets beside a published one; else the very images of another edition."""
    names = dict(zip(values.label, values.dataset, strict=True))
    near = {name: run.counterparts[name] for name in run.datasets if name in run.counterparts}
    exact = [name for name, counterpart in near.items() if counterpart.label == label]
    return exact or [
        name
        for name, counterpart in near.items()
        if counterpart.same and names.get(counterpart.label) == names[label]
    ]


def _rate_part(run: Run, label: str, theirs: pd.DataFrame, dataset: str) -> Part:
    rows = measured(run.rows[run.rows.dataset == dataset])
    if not dataset:
        remark = f"Not measured here: no data set of this run stands for {label}."
        return Part(label, theirs, NO_OURS, rows, remark=remark)
    counterpart = run.counterparts[dataset]
    same = counterpart.same and counterpart.label == label
    found = methods(run, dataset, set(theirs.name))
    released = release_rates(run)
    released = released[released.dataset == dataset].rename(columns={"model": "key"})
    ours = _rated(run, found.merge(released[["key", "release_bpsp", "reproduced"]], how="left"))
    if counterpart.label != label:  # another edition: what the paper lacks is in the first one
        ours = ours[ours.name.isin(theirs.name)]
    title = f"{dataset} ({counterpart.title})" if counterpart.title else dataset
    images = counted(int(found.images.max()) if len(found) else 0, "image")
    remark = f"Measured on {title}, {images}: {_SAME if same else _STAND_IN}"
    return Part(label, theirs, ours, rows, dataset=dataset, same=same, remark=remark)


def _rated(run: Run, found: pd.DataFrame) -> pd.DataFrame:
    """Rates of methods, with the differences from L3C where networks and images are the same."""
    comparable = found.key.map(run.is_papers).astype(bool) & (found.failure == "")
    names = {"method": "line", "mean_bpsp": "measured", "images": "count"}
    reason = found.reason.where(found.reason != "", found.failure) if "reason" in found else ""
    return found.assign(
        images=found.images.where(found.images > 0),
        vs_l3c_percent=percent_above_l3c(run, found, comparable),
        setting=ALL,
        reason=reason,
    ).rename(columns=names)


def _by_method(
    run: Run, theirs: pd.DataFrame, rows: pd.DataFrame, threads: bool = True
) -> pd.DataFrame:
    """The rows with the names and labels of their methods, and their settings."""
    rows = named(run, rows, set(theirs.name)).assign(line=rows.method)
    return _with_settings(rows, threads=threads)


def _with_settings(rows: pd.DataFrame, threads: bool = True) -> pd.DataFrame:
    """The rows sorted by the device and threads they were given, with that as their `setting`.

    Where lines are no methods, models have settings of their own.
    """
    several = "image" not in rows and rows.line.ne(rows.method).any() and rows.key.nunique() > 1
    ordered = rows.sort_values(
        [*(["method"] if several else []), "device", "threads"], kind="stable"
    )
    device = ordered.device.map({"cuda": "GPU", "cpu": "CPU"})
    counts = ordered.threads.map(lambda count: f", {counted(count, 'thread')}" if threads else "")
    setting = (ordered.method + ", " if several else "") + device + counts
    return ordered.assign(setting=setting.astype(object))


def _times(rows: pd.DataFrame, item: str) -> pd.DataFrame:
    """What was clocked, by line and setting, in the order of the rows."""
    by = ["name", "line", "setting"]
    found = repeated(rows, by, item, "seconds").rename(columns={"seconds": "measured"})
    if "in_process" not in rows:
        return found
    outside = rows[~rows.in_process.astype(bool)]
    return found.assign(external=found.name.isin(outside.name))


def _batches(batches: pd.DataFrame, operation: str, side: int) -> pd.DataFrame:
    """Rows of an operation on images of a size, seconds per image, small batches first."""
    rows = batches[(batches.operation == operation) & (batches.side == side)]
    return rows.assign(seconds=rows.seconds / rows.batch).sort_values("batch", kind="stable")


def _stages(rows: pd.DataFrame, stages: Sequence[str]) -> pd.DataFrame:
    """Decoding seconds of some stages by scale, "s=0" and so on, and of all scales, "total"."""
    chosen = rows[(rows.direction == "decode") & rows.stage.isin(stages)]
    scales = chosen[chosen.scale != ""]
    scales = scales.assign(name="s=" + scales.scale.str.replace("x", "z0").str.removeprefix("z"))
    both = pd.concat([scales, chosen.assign(name="total")])
    both = _with_settings(both.assign(line=both.name))
    by = ["name", "line", "setting", "image", "run"]
    return _times(both.groupby(by, sort=False)[["seconds"]].sum().reset_index(), "image")


def _crops(run: Run, rows: pd.DataFrame) -> str:
    """Which crops were timed."""
    if not len(rows):
        return "Not measured here: this run has no such timings of crops."
    first: Any = rows.iloc[0]
    kept = [row for row in run.manifests.get(run.timed_on, ()) if row.status == "kept"]
    smaller = any(min(row.height or 0, row.width or 0) < first.height for row in kept)
    mirrored = ", smaller ones continued by mirroring" if smaller else ""
    gpu = "" if (rows.device == "cuda").any() else f" {_NO_GPU}"
    return (
        f"Measured on {counted(rows.image.nunique(), 'crop')} of {first.width}x{first.height} from "
        f"images of {first.dataset}{mirrored}: {_STAND_IN}{gpu}"
    )


def _missing(rows: pd.DataFrame) -> str:
    """Which times by batch size are missing."""
    if not len(rows):
        return "Not measured here: this run has no times of such batches."
    return "" if (rows.device == "cuda").any() else _NO_GPU
