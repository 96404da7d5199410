"""Tables 1, 2, 3, A1, A2, A3 of the L3C paper, published values beside those of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from l3c.bench.measure.other_load import noise_note
from l3c.bench.published import PublishedValue
from l3c.bench.run import Run
from l3c.bench.schema import TOTAL, failed, measured, rows_of
from l3c.bench.stats import LEAST, LEVEL
from l3c.bench.tables.layout import EXTERNAL_MARK, MINUS, UNVERIFIED_MARK, Table, counted
from l3c.bench.tables.paper_parts import (
    BPSP,
    MIB,
    NOT_MEASURED,
    SECONDS,
    Part,
    batch_times,
    beside,
    crop_rates,
    image_rates,
    method_times,
    named,
    stage_times,
    theirs,
    times,
    with_settings,
)
from l3c.bench.tables.registry import table

_METHOD = "Method"
_SIDE = 32  # of the images of Table A3, pixels
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
    f"* *published*: in the L3C paper, of the edition in the heading (v2: camera ready, v3: the "
    f"third one). {UNVERIFIED_MARK} recalled, not checked against the paper (unverified).",
    "* *bpsp*: bits per sub-pixel, 8 times the bytes of the whole file over 3HW, mean over images; "
    f"*total bpsp*: all bits over all sub-pixels. *vs. L3C*: above (+) or below ({MINUS}) L3C's, "
    "published against published; of ours only where the networks measured are the paper's.",
    "* *cross-entropy bpsp*: the estimate of a learned method's own model, mean over images, "
    "without the container of each file, which counts in small images.",
    f"* *{LEVEL:.0f} % interval* of our mean, by a percentile bootstrap over images; of few images "
    f"it is too narrow, of fewer than {LEAST} none is given.",
    "* Seconds of ours: of each crop or batch the median of its clocked runs without a warm-up; "
    "means over crops. In brackets the quartiles over runs, means over crops too: how far the "
    f"runs scatter, not the crops. {EXTERNAL_MARK} external program: times include file I/O.",
    f"* *{NOT_MEASURED}*: the run lacks the data set, the method or the device.",
    "* The learned methods measured are the models of this run: their settings and how their "
    "networks differ from the paper's are below each table, their training is in their cards.",
)


@table("paper/table1", "Table 1 of the paper")
def table_1(run: Run) -> Table:
    """Rates on photographs."""
    notes = [
        "The first sections are of the third edition of the paper, the last ones of the second, "
        "whose Open Images were saved as JPEG: every method looks better on them."
    ]
    parts = _rate_parts(run, "1")
    return _table(
        "1", "Bits per sub-pixel on photographs", parts, notes, [_rows_of(run, parts)], run
    )


@table("paper/table2", "Table 2 of the paper")
def table_2(run: Run) -> Table:
    """ImageNet32: rates, and seconds to sample."""
    parts = _rate_parts(run, "2")
    used = [_rows_of(run, parts)]
    for (label, quantity), values in _grouped(run, "2").items():
        if quantity == BPSP:
            continue
        size, batch = quantity.removeprefix("sample_s ").split()
        side, images = int(size.split("x")[0]), int(batch.removeprefix("bs"))
        rows = batch_times(run.batches, "sample", side)
        rows = rows[rows.batch == images]
        published = theirs(values)
        ours = method_times(run, published, rows, "batch")
        title = f"Sampling one image of {size}, batch size {images}"
        remark = _missing(rows)
        grid = beside(published, ours)
        parts.append(Part(title, label, quantity, SECONDS, _METHOD, grid, remark=remark))
        used.append(rows)
    notes = [
        "Published times are of a Titan X (Pascal); those of PixelCNN and MS-PixelCNN are as their "
        "authors reported them, on other machines."
    ]
    return _table("2", "ImageNet32: bits per sub-pixel, seconds to sample", parts, notes, used, run)


@table("paper/table3", "Table 3 of the paper")
def table_3(run: Run) -> Table:
    """Speed on crops."""
    groups = _grouped(run, "3")
    label = next(iter(groups))[0]
    rows = measured(run.timing)
    parts = []
    for direction in ("encode", "decode"):
        published = theirs(groups[label, f"{direction}_s"])
        runs = rows[(rows.stage == TOTAL) & (rows.direction == direction)]
        grid = beside(published, method_times(run, published, runs, "image"))
        title = f"Seconds to {direction} a crop"
        parts.append(Part(title, label, f"{direction}_s", SECONDS, _METHOD, grid))
    published = theirs(groups[label, BPSP])
    grid = beside(published, crop_rates(replace(run, timing=rows), published))
    parts.append(Part("Bits per sub-pixel of the crops", label, BPSP, BPSP, _METHOD, grid))
    memory = rows[rows.peak_mib.notna()]
    if len(memory):
        # One process ran all crops, threads and directions.
        memory = named(run, theirs(()), with_settings(memory, threads=False))
        peaks = memory.groupby(["line", "label", "setting"], sort=False).peak_mib
        grid = beside(
            theirs(()),
            peaks.agg(["max", "size"])
            .reset_index()
            .rename(columns={"max": "measured", "size": "count"}),
        )
        title = "Peak memory in MiB, over all crops and numbers of threads"
        parts.append(Part(title, "", "peak_mib", MIB, _METHOD, grid))
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
    return _table("3", title, _on_crops(parts, rows, run), notes, [rows], run)


@table("paper/tableA1", "Table A1 of the paper")
def table_a1(run: Run) -> Table:
    """Decoding time of L3C by scale."""
    both: dict[str, list[PublishedValue]] = {}
    for value in _values(run, "A1"):
        both.setdefault(value.quantity.split()[1], []).append(value)
    sums = {line: _sum(values) for line, values in both.items()}
    rows = measured(run.timing)
    rows = rows[rows.key.map(run.is_reference).astype(bool)]
    parts: list[Part] = []
    for title, quantity, stages in _STAGES:
        published = theirs([] if parts else list(sums.values()), lambda value: value.quantity)
        ours = stage_times(rows, stages)
        if len(published) or len(ours):
            label = next(iter(sums.values())).label if len(published) else ""
            grid = beside(published, ours, _scale_order)
            parts.append(Part(title, label, quantity, SECONDS, "Scale", grid))
    each = "; ".join(f"{line}: {sums[line].note}" for line in sorted(sums, key=_scale_order))
    notes = [
        "Published times are means of 500 crops of 512x512, which is s=0, on a Titan X (Pascal). "
        "The coarsest scale of a model has a uniform prior, so that there is no CDF to obtain: s=3 "
        "in the paper. Models here may have more scales; totals are of as many as a model has.",
        "The paper has two columns, whose sums are above: obtaining the CDFs, which are whole "
        "tables, with the passes of the network; and arithmetic decoding, which searches them. "
        f"{each}.",
        "Ours are of L3C, without reading the container. The decoder evaluates CDFs where its "
        "search needs them, in one loop: obtaining CDFs and arithmetic decoding are not two steps.",
    ]
    return _table("A1", "Decoding time by scale", _on_crops(parts, rows, run), notes, [rows], run)


@table("paper/tableA2", "Table A2 of the paper")
def table_a2(run: Run) -> Table:
    """ImageNet64: rates."""
    notes = [
        "The text of the paper's appendix exchanges two percentages: L3C lies 23.8 % above "
        "PixelCNN and 19.5 % above MS-PixelCNN."
    ]
    parts = _rate_parts(run, "A2")
    title = "ImageNet64: bits per sub-pixel"
    return _table("A2", title, parts, notes, [_rows_of(run, parts)], run)


@table("paper/tableA3", "Table A3 of the paper")
def table_a3(run: Run) -> Table:
    """Seconds of L3C by batch size."""
    values = _values(run, "A3")
    batches = run.batches[run.batches.key.map(run.is_reference).astype(bool)]
    parts = []
    for operation in ("sample", "encode", "decode"):
        rows = batch_times(batches, operation, _SIDE)
        published = theirs(
            values if operation == "sample" else (), lambda value: value.quantity.split("bs")[1]
        )
        if not len(rows) and not len(published):
            continue
        runs = with_settings(rows, several=rows.key.nunique() > 1)
        lines = runs.batch.astype(str)
        ours = times(runs.assign(line=lines, label=lines), "batch")
        remarks = [_missing(rows)]
        if operation != "sample":
            of = f"The images are crops of {run.timed_on}. " if run.timed_on else ""
            remarks = [
                f"{of}Each image has a file of its own; integers predict a batch at once.",
                *remarks,
            ]
        parts.append(
            Part(
                title=f"Seconds to {operation} one image of {_SIDE}x{_SIDE}",
                label=values[0].label if len(published) else "",
                quantity=f"{operation}_s",
                unit=SECONDS,
                head="Batch size",
                grid=beside(published, ours, int),
                dataset=run.timed_on if operation != "sample" else "",
                remark=" ".join(filter(None, remarks)),
            )
        )
    notes, used = ["Published times are of a Titan X (Pascal)."], [batches[batches.side == _SIDE]]
    return _table("A3", "Seconds by batch size", parts, notes, used, run)


@table("paper/paper", "All tables of the paper, published values beside ours", formats=("md",))
def paper(run: Run) -> Table:
    """A page of all six."""
    tables = [make(run) for make in (table_1, table_2, table_3, table_a1, table_a2, table_a3)]
    return Table(
        title="Tables of the L3C paper",
        intro="Published values beside those of this run.",
        tables=[replace(made, closing=()) for made in tables],
        closing=_DEFINITIONS,
    )


def _table(
    number: str,
    title: str,
    parts: Sequence[Part],
    notes: Sequence[str],
    used: Sequence[pd.DataFrame],
    run: Run,
) -> Table:
    """The table with the machines, methods and models that its measurements, `used`, are of."""
    remarks = [part.remark for part in parts]
    common = remarks[0] if len(remarks) > 1 and len(set(remarks)) == 1 else ""
    rows = pd.concat([table.astype(object) for table in used], ignore_index=True)
    gpus = rows.device_name[rows.device == "cuda"] if "device" in rows else ()
    hosts = rows.hardware + "; " + rows.environment
    machines = dict.fromkeys([*hosts, *(f"GPU {name}" for name in gpus)])
    versions = {record.key: (record.version, record.settings) for record in run.records}
    if "version" in rows:
        clocked = rows.dropna(subset="version").drop_duplicates("key")
        versions |= {row.key: (row.version, row.settings) for row in rows_of(clocked)}
    labels = dict(zip(rows.key, rows.method, strict=True))
    noisy = noise_note(rows) if any(part.unit == SECONDS for part in parts) else ""
    below = [
        *notes,
        *([f"{noisy}."] if noisy else []),
        *(f"Measured on: {machine}." for machine in machines),
        *(
            f"{labels[key]}: {versions[key][0]} ({versions[key][1]})."
            for key in labels
            if key in versions
        ),
        *(f"**{subject}**: {differs}." for subject, differs in run.deviations([*labels]).items()),
    ]
    beside_ours = f"Table {number} of the L3C paper beside our measurements."
    return Table(
        title=f"Table {number}. {title}",
        intro=common,
        sections=[
            part.section(f"{title} (Table {number} of the L3C paper)", bool(common))
            for part in parts
        ],
        data=pd.concat([part.data(number) for part in parts], ignore_index=True),
        notes=[f"* {note}" for note in below],
        small_print=[beside_ours, *filter(None, [common]), *below],
        closing=_DEFINITIONS,
    )


def _values(run: Run, number: str) -> list[PublishedValue]:
    return [value for value in run.published if value.table == number]


def _grouped(run: Run, number: str) -> dict[tuple[str, str], list[PublishedValue]]:
    """Values of a table by label and quantity, in the order of the file."""
    groups: dict[tuple[str, str], list[PublishedValue]] = {}
    for value in _values(run, number):
        groups.setdefault((value.label, value.quantity), []).append(value)
    return groups


def _rate_parts(run: Run, number: str) -> list[Part]:
    """A part for each published data set and edition, and each of ours that stands for it."""
    values = _values(run, number)
    return [
        _rate_part(run, label, group, dataset)
        for (label, quantity), group in _grouped(run, number).items()
        if quantity == BPSP
        for dataset in _standing_for(run, label, values) or [""]
    ]


def _rate_part(run: Run, label: str, values: Sequence[PublishedValue], dataset: str) -> Part:
    published = theirs(values)
    if not dataset:
        remark = f"Not measured here: no data set of this run stands for {label}."
        nothing = pd.DataFrame(columns=["line", "label", "setting"])
        return Part(label, label, BPSP, BPSP, _METHOD, beside(published, nothing), remark=remark)
    counterpart = run.counterparts[dataset]
    same = counterpart.same and counterpart.label == label
    ours = image_rates(run, published, dataset)
    if counterpart.label != label:  # another edition: what the paper lacks is in the first one
        ours = ours[ours.line.isin(published.line)]
    title = f"{dataset} ({counterpart.title})" if counterpart.title else dataset
    images = counted(int(ours["count"].max()) if ours["count"].notna().any() else 0, "image")
    return Part(
        title=label if same else f"{label}, {dataset} stands in",
        label=label,
        quantity=BPSP,
        unit=BPSP,
        head=_METHOD,
        grid=beside(published, ours),
        dataset=dataset,
        same=same,
        remark=f"Measured on {title}, {images}: {_SAME if same else _STAND_IN}",
    )


def _standing_for(run: Run, label: str, values: Sequence[PublishedValue]) -> list[str]:
    """Our measured data sets beside a published one; else the very images of another edition."""
    names = {value.label: value.dataset for value in values}
    near = {name: run.counterparts[name] for name in run.datasets if name in run.counterparts}
    exact = [name for name, counterpart in near.items() if counterpart.label == label]
    return exact or [
        name
        for name, counterpart in near.items()
        if counterpart.same and names.get(counterpart.label) == names[label]
    ]


def _rows_of(run: Run, parts: Sequence[Part]) -> pd.DataFrame:
    """Rows of the data sets that parts show."""
    return measured(run.rows[run.rows.dataset.isin({part.dataset for part in parts})])


def _on_crops(parts: Sequence[Part], rows: pd.DataFrame, run: Run) -> list[Part]:
    """The parts with a remark on the crops that were timed."""
    if not len(rows):
        remark = "Not measured here: this run has no such timings of crops."
        return [replace(part, remark=remark) for part in parts]
    first: Any = rows.iloc[0]
    kept = [row for row in run.manifests.get(run.timed_on, ()) if row.status == "kept"]
    smaller = any(min(row.height or 0, row.width or 0) < first.height for row in kept)
    mirrored = ", smaller ones continued by mirroring" if smaller else ""
    remark = (
        f"Measured on {counted(rows.image.nunique(), 'crop')} of {first.width}x{first.height} from "
        f"images of {first.dataset}{mirrored}: {_STAND_IN}"
    )
    remark += f" {_NO_GPU}" * (not (rows.device == "cuda").any())
    return [
        replace(
            part,
            remark=remark,
            dataset=first.dataset,
            same=False,
            title=f"{part.title}, {first.dataset} stands in" if part.label else part.title,
        )
        for part in parts
    ]


def _scale_order(line: str) -> int:
    """Coarsest scale first, the total last."""
    return 1 if line == "total" else -int(line.removeprefix("s="))


def _sum(values: Sequence[PublishedValue]) -> PublishedValue:
    """The paper's columns of a scale together, named by the scale; the note has each."""
    each = (f"{v.quantity.split('_s ')[0].replace('_', ' ')} {v.printed}" for v in values)
    total, line = sum(value.value for value in values), values[0].quantity.split()[1]
    return replace(values[0], quantity=line, value=total, note=", ".join(each), text="")


def _missing(rows: pd.DataFrame) -> str:
    """Which times by batch size are missing."""
    if not len(rows):
        return "Not measured here: this run has no times of such batches."
    return "" if (rows.device == "cuda").any() else _NO_GPU
