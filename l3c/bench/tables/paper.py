"""Tables 1, 2, 3, A1, A2, A3 of the L3C paper, published values beside those of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from l3c.bench.published import NO_VALUES
from l3c.bench.run import Run
from l3c.bench.schema import TOTAL, failed, measured, rows_of
from l3c.bench.stats import rates, repeated
from l3c.bench.tables.layout import Table, table
from l3c.bench.tables.methods import about, methods, named, percent_above_l3c
from l3c.bench.tables.paper_parts import ALL, BPSP, PEAK, Part
from l3c.messages import counted

_TEXTS = pd.read_csv(Path(__file__).with_name("paper.tsv"), sep="\t", index_col="table", dtype=str)
_BATCH_SIDE = 32  # of the images of Table A3, pixels
# Parts of Table A1: title, quantity, phases. The first has the sum of the paper's two columns.
_TOGETHER = "Network, CDFs and arithmetic decoding together"
_PHASES = (
    (_TOGETHER, "all_phases_s", ("network", "coder", "range_coder")),
    ("Passes of the network", "network_s", ("network",)),
    ("CDFs and arithmetic decoding, one loop", "coder_s", ("coder", "range_coder")),
)
_SAME = "the published images."
_STAND_IN = "other images than the published ones, so compare order and distances, not values."


@table("paper/table1", "Table 1 of the paper")
def table_1(run: Run) -> Table:
    """Rates on photographs."""
    return _table(run, "1", _rate_parts(run, "1"))


@table("paper/table2", "Table 2 of the paper")
def table_2(run: Run) -> Table:
    """ImageNet32: rates, and seconds to sample."""
    values, parts = _published(run, "2"), _rate_parts(run, "2")
    for quantity, theirs in values[values.quantity != BPSP].groupby("quantity", sort=False):
        size, batch = str(quantity).removeprefix("sample_s ").split()
        side, images = int(size.split("x")[0]), int(batch.removeprefix("bs"))
        rows = _batches(run.batches, "sample", side)
        rows = rows[rows.batch == images]
        ours = _times(_by_method(run, theirs, rows), "batch")
        title = f"Sampling one image of {size}, batch size {images}"
        parts.append(Part(title, theirs, ours, rows, str(quantity), remark=_missing(rows)))
    return _table(run, "2", parts)


@table("paper/table3", "Table 3 of the paper")
def table_3(run: Run) -> Table:
    """Speed on crops."""
    values, rows = _published(run, "3"), measured(run.timing)
    totals, crops = rows[rows.phase == TOTAL], _on_crops(rows)
    parts = []
    for quantity in ("encode_s", "decode_s"):
        theirs, direction = values[values.quantity == quantity], quantity.removesuffix("_s")
        ours = _times(_by_method(run, theirs, totals[totals.direction == direction]), "image")
        parts.append(Part(f"Seconds to {direction} a crop", theirs, ours, rows, quantity, **crops))
    theirs = values[values.quantity == BPSP]
    once = totals[totals.direction == "encode"].drop_duplicates(["key", "image"])
    found = rates(once.assign(cross_entropy_bits=np.nan), ["key", "method"])
    ours = _rated(run, named(run, found.assign(failure="", reason=""), set(theirs.name)))
    parts.append(Part("Bits per sub-pixel of the crops", theirs, ours, rows, **crops))
    # One process ran all crops, threads and directions.
    memory = _by_method(run, NO_VALUES, rows[rows.peak_mib.notna()], threads=False)
    peaks = memory.groupby(["name", "line", "setting"], sort=False).peak_mib
    ours = peaks.agg(measured="max", count="size").reset_index()
    if len(ours):
        title = "Peak memory in MiB, over all crops and numbers of threads"
        parts.append(Part(title, NO_VALUES, ours, rows, PEAK, **crops))
    notes = []
    untimed = {r.method: None for r in run.records if r.measured and r.key not in set(rows.key)}
    if len(rows) and untimed:
        notes.append(f"Measured on whole images only, not timed on crops: {', '.join(untimed)}.")
    notes += [
        f"{row.method} is not timed, since it failed on the crop {row.image}: {row.reason}."
        for row in rows_of(failed(run.timing))
    ]
    return _table(run, "3", parts, [_crops(run, rows)], notes)


@table("paper/tableA1", "Table A1 of the paper")
def table_a1(run: Run) -> Table:
    """Decoding time of L3C by scale."""
    values, rows = _published(run, "A1"), measured(run.timing)
    rows = rows[rows.key.map(run.is_reference).astype(bool)]
    # The paper's columns of a scale together, named by the scale.
    step, scale = (values.quantity.str.split().str[n] for n in (0, 1))
    each = step.str.removesuffix("_s").str.replace("_", " ") + " " + values.printed
    steps = values.assign(name=scale, method=scale, note=each).groupby("name", sort=False)
    sums = steps.first().assign(value=steps.value.sum(), note=steps.note.agg(", ".join))
    parts: list[Part] = []
    for title, quantity, phases in _PHASES:
        theirs, ours = NO_VALUES if parts else sums.reset_index(), _phases(rows, phases)
        if len(theirs) or len(ours):
            crops = _on_crops(rows)
            parts.append(Part(title, theirs, ours, rows, quantity, "Scale", **crops))
    columns = f"The columns of the paper: {'; '.join(sums.index + ': ' + sums.note)}."
    return _table(run, "A1", parts, [_crops(run, rows)], [columns])


@table("paper/tableA2", "Table A2 of the paper")
def table_a2(run: Run) -> Table:
    """ImageNet64: rates."""
    return _table(run, "A2", _rate_parts(run, "A2"))


@table("paper/tableA3", "Table A3 of the paper")
def table_a3(run: Run) -> Table:
    """Seconds of L3C by batch size."""
    values = _published(run, "A3")
    sizes = values.quantity.str.split("bs").str[1]
    batches = run.batches[run.batches.key.map(run.is_reference).astype(bool)]
    parts = []
    for operation in ("sample", "encode", "decode"):
        rows, sampled = _batches(batches, operation, _BATCH_SIDE), operation == "sample"
        lines = rows.batch.astype(str)
        ours = _times(_with_settings(rows.assign(name=lines, line=lines)), "batch")
        theirs = values.assign(name=sizes, method=sizes) if sampled else NO_VALUES
        of = f"The images are crops of {run.timed_on}. " if run.timed_on else ""
        files = f"{of}Each image has a file of its own; integers predict a batch at once. "
        title = f"Seconds to {operation} one image of {_BATCH_SIDE}x{_BATCH_SIDE}"
        part = Part(title, theirs, ours, rows, f"{operation}_s", "Batch size")
        if sampled:
            parts.append(replace(part, remark=_missing(rows)))
        elif len(rows):
            parts.append(replace(part, dataset=run.timed_on, remark=files + _missing(rows)))
    return _table(run, "A3", parts)


@table("paper/paper", "All tables of the paper, published values beside ours", formats=("md",))
def paper(run: Run) -> Table:
    """A page of all six, what their measurements have in common at its end."""
    frames = [measured(run.rows), measured(run.timing), run.batches]
    common = about(run, pd.concat([rows.astype(object) for rows in frames], ignore_index=True))
    sections, notes = [], []
    for make in (table_1, table_2, table_3, table_a1, table_a2, table_a3):
        made = make(run)
        first, *others = made.sections
        sections.append(replace(first, title=f"{made.title}\n\n### {first.title}"))
        sections += [replace(section, level=3) for section in others]
        number = made.title.partition(".")[0]
        notes += [f"{number}: {n}" for n in made.notes if n not in common and "**" not in n]
    return Table(
        "Tables of the L3C paper, published values beside those of this run",
        sections,
        notes=[*notes, *common],
    )


def _table(
    run: Run,
    number: str,
    parts: Sequence[Part],
    first: Sequence[str] = (),
    last: Sequence[str] = (),
) -> Table:
    """The table with the machines, methods and models that its parts were measured by."""
    title, notes = _TEXTS.title[number], _TEXTS.notes[number].split(" // ")
    rows = pd.concat([part.rows.astype(object) for part in parts], ignore_index=True)
    timed = any(part.unit == "s" for part in parts)
    return Table(
        title=f"Table {number}. {title}",
        sections=[part.section(f"{title} (Table {number} of the L3C paper)") for part in parts],
        data=pd.concat([part.data(number) for part in parts], ignore_index=True),
        notes=[*first, *notes, *last, *about(run, rows, timed)],
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
    found = methods(run, dataset, set(theirs.name))
    ours = _rated(run, found)
    if not dataset:
        remark = f"Not measured here: no data set of this run stands for {label}."
        return Part(label, theirs, ours, rows, remark=remark)
    counterpart = run.counterparts[dataset]
    same = counterpart.same and counterpart.label == label
    if counterpart.label != label:  # another edition: what the paper lacks is in the first one
        ours = ours[ours.name.isin(theirs.name)]
    title = f"{dataset} ({counterpart.title})" if counterpart.title else dataset
    images = counted(int(found.images.max()) if len(found) else 0, "image")
    remark = f"Measured on {title}, {images}: {_SAME if same else _STAND_IN}"
    return Part(label, theirs, ours, rows, dataset=dataset, same=same, remark=remark)


def _rated(run: Run, found: pd.DataFrame) -> pd.DataFrame:
    """Rates of methods, with the differences from L3C where networks and images are the same."""
    comparable = found.key.map(run.is_papers).astype(bool) & (found.failure == "")
    return found.assign(
        vs_l3c_percent=percent_above_l3c(run, found, comparable),
        setting=ALL,
        count=found.images.where(found.images > 0),
        reason=found.reason.where(found.reason != "", found.failure),
    ).rename(columns={"method": "line", "mean_bpsp": "measured"})


def _by_method(
    run: Run, theirs: pd.DataFrame, rows: pd.DataFrame, threads: bool = True
) -> pd.DataFrame:
    """The rows with the names and labels of their methods, and their settings."""
    rows = named(run, rows, set(theirs.name)).assign(line=rows.method)
    return _with_settings(rows, threads=threads)


def _with_settings(rows: pd.DataFrame, threads: bool = True) -> pd.DataFrame:
    """The rows sorted by the device and threads they were given, with that as their `setting`.

    Where lines are no methods, several models have settings of their own.
    """
    several = rows.key.nunique() > 1 and (rows.line != rows.method).any()
    by = [*(["method"] if several else []), "device", "threads"]
    ordered = rows.sort_values(by, kind="stable")
    device = ordered.device.map({"cuda": "GPU", "cpu": "CPU"}).astype(object)
    counts = ordered.threads.map(lambda count: f", {counted(count, 'thread')}" if threads else "")
    return ordered.assign(setting=(ordered.method + ", " if several else "") + device + counts)


def _times(rows: pd.DataFrame, item: str) -> pd.DataFrame:
    """What was clocked, by line and setting, in the order of the rows."""
    found = repeated(rows, ["name", "line", "setting"], item, "seconds")
    outside = rows.name[~rows.in_process.astype(bool)] if "in_process" in rows else ()
    found["external"] = found.name.isin(outside)
    return found.rename(columns={"seconds": "measured"})


def _batches(batches: pd.DataFrame, operation: str, side: int) -> pd.DataFrame:
    """Rows of an operation on images of a size, seconds per image, small batches first."""
    rows = batches[(batches.operation == operation) & (batches.side == side)]
    return rows.assign(seconds=rows.seconds / rows.batch).sort_values("batch", kind="stable")


def _phases(rows: pd.DataFrame, phases: Sequence[str]) -> pd.DataFrame:
    """Decoding seconds of some phases by scale, "s=0" and so on, and of all scales, "total"."""
    chosen = rows[(rows.direction == "decode") & rows.phase.isin(phases)]
    scales = chosen[chosen.scale != ""]
    scales = scales.assign(name="s=" + scales.scale.str.replace("x", "z0").str.removeprefix("z"))
    both = pd.concat([scales, chosen.assign(name="total")])
    both = _with_settings(both.assign(line=both.name))
    by = ["name", "line", "setting", "image", "run"]
    return _times(both.groupby(by, sort=False)[["seconds"]].sum().reset_index(), "image")


def _on_crops(rows: pd.DataFrame) -> dict[str, Any]:
    """What parts say of the data set of crops; nothing of no rows."""
    return {"dataset": rows.dataset.iloc[0], "same": False} if len(rows) else {}


def _crops(run: Run, rows: pd.DataFrame) -> str:
    """Which crops were timed."""
    if not len(rows):
        return "Not measured here: this run has no such timings of crops."
    first: Any = rows.iloc[0]
    kept = [row for row in run.manifests.get(run.timed_on, ()) if row.status == "kept"]
    smaller = any(min(row.height or 0, row.width or 0) < first.height for row in kept)
    mirrored = ", smaller ones continued by mirroring" if smaller else ""
    crops = f"{counted(rows.image.nunique(), 'crop')} of {first.width}x{first.height}"
    remark = f"Measured on {crops} from images of {first.dataset}{mirrored}: {_STAND_IN}"
    return f"{remark} {_missing(rows)}".strip()


def _missing(rows: pd.DataFrame) -> str:
    """Which times are missing."""
    if not len(rows):
        return "Not measured here: this run has no times of such batches."
    return "" if (rows.device == "cuda").any() else "GPU: not measured here."
