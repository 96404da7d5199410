"""Tables 1, 2, 3, A1, A2, A3 of the L3C paper: published values beside those of a run.

A section for each published quantity and data set that the run measured: the lines of the paper in
its order, then those that only the run has.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from l3c.bench.published import SAME, STAND_IN
from l3c.bench.run import REFERENCE, Run
from l3c.bench.schema import TOTAL, rows_of
from l3c.bench.stats import LEVEL, rates, repeated
from l3c.bench.tables.comparison import (
    about,
    beside,
    methods,
    named,
    percent_above_l3c,
    reproduced,
)
from l3c.bench.tables.layout import (
    EXTERNAL_MARK,
    NONE,
    REPRODUCED_MARK,
    UNVERIFIED_MARK,
    Section,
    Table,
    fixed,
    percent,
    plain,
    span,
    table,
    without_empty,
)
from l3c.messages import counted

_TEXTS = pd.read_csv(Path(__file__).with_name("paper.tsv"), sep="\t", index_col="table", dtype=str)
BPSP = "bpsp"
NOT_MEASURED = "not measured here"
_PHASES = ("network", "coder", "range_coder")  # the sum of the paper's columns in Table A1
_BATCH_SIDE = 32  # of the images of Table A3, pixels
_LINE = ["name", "line"]
_RATES = ["total_bpsp", "cross_entropy_bpsp", "vs_l3c_percent", "release_bpsp", "count"]
_NUMBERS = ["measured", "low", "high", *_RATES]
_OURS = [*_LINE, "setting", *_NUMBERS, "released", "external", "reason"]
_THEIRS = {"value": "published", "confidence": "published_confidence", "note": "published_note"}
_CSV = ["table", "section", "published_on", "line", "quantity", "unit", *_THEIRS.values()]
_CSV += ["published_vs_l3c_percent", "dataset", "published_images", "setting", *_NUMBERS, "status"]


@table("paper", "Tables of the L3C paper, published values beside ours", "md", "csv", "tex")
def paper(run: Run) -> Table:
    """Sections of all six tables, as far as the run measured the same."""
    grids: list[pd.DataFrame] = []
    for number in _TEXTS.index:
        values = run.published[run.published.table == number]
        grids += [*_rates(run, values), *_times(run, number, values)]
    data = pd.concat(grids or [pd.DataFrame(columns=_CSV)])[_CSV]
    rows = [run.rows[run.rows.dataset.isin(data.dataset)], run.timing, run.batches]
    notes = [f"Table {n}, {_TEXTS.title[n]}: {_TEXTS.notes[n]}" for n in data.table.unique()]
    notes += about(run, pd.concat([each.astype(object) for each in rows]))
    return Table([_section(grid) for grid in grids], data, notes)


def _beside(
    theirs: pd.DataFrame,
    ours: pd.DataFrame,
    head: str = "Method",
    *,
    section: str,
    remark: str,
    dataset: str = "",
    same: bool = False,
) -> Iterator[pd.DataFrame]:
    """A line for each method and setting, as the CSV has it, if anything was measured.

    Args:
        theirs: published values of one quantity; `name` and `method` are those of the line.
        ours: of the columns `_OURS` those that there are; `low` and `high` are quartiles over runs,
            or the interval of a mean.
        head: what the lines are: methods in the paper's order, or scales or batch sizes, sorted.
        section: its title.
        remark: what was measured.
        dataset: ours, "" for none.
        same: whether that is the published one.
    """
    if not len(ours) or ours.measured.isna().all():
        return
    reference = next(iter(theirs.value[theirs.name == REFERENCE]), np.nan)
    more = theirs.rename(columns=_THEIRS)
    more["published_vs_l3c_percent"] = 100 * (theirs.value / reference - 1)
    types = dict.fromkeys(_NUMBERS, "float64") | {"line": object, "reason": object}
    grid = beside(more, ours.reindex(columns=_OURS)).astype(types)
    if head != "Method":  # scales from the coarsest on, all together last
        ranks = grid.name.replace("total", "1").str.replace("s=", "-").astype(int)
        grid = grid.iloc[np.argsort(ranks, kind="stable")]
    status = grid.measured.notna().map({True: "measured", False: NOT_MEASURED})
    yield grid.assign(
        **{name: theirs[name].iloc[0] for name in ("table", "quantity", "unit")},
        section=section,
        published_on=theirs.label.iloc[0],
        line=grid.line.fillna(grid.method),
        dataset=dataset,
        published_images=same,
        count=grid["count"].astype("Int64"),
        status=grid.reason.where(grid.reason.fillna("") != "", status),
        reproduced=reproduced(grid, "published", same),
        head=head,
        remark=remark,
    )


def _section(grid: pd.DataFrame) -> Section:
    """The lines of `_beside`, printed."""
    first: Any = grid.iloc[0]
    lines = grid.drop_duplicates(_LINE).set_index(_LINE)
    marks = lines.external.eq(True).map({True: EXTERNAL_MARK, False: ""})
    cells = pd.DataFrame({first["head"]: lines.index.get_level_values("line") + marks})
    cells[f"published {first.unit}"] = [_published(row) for row in rows_of(lines)]
    if first.unit == BPSP:
        rates_of = {
            "published vs. L3C": lines.published_vs_l3c_percent.map(percent),
            "measured bpsp": lines.measured.map(fixed).replace(NONE, NOT_MEASURED),
            "cross-entropy bpsp": lines.cross_entropy_bpsp.map(fixed),
            "release's rules bpsp": lines.release_bpsp.map(fixed),
            f"{LEVEL:.0f} % interval": list(map(span, lines.low, lines.high)),
            "measured vs. L3C": lines.vs_l3c_percent.map(percent),
            "total bpsp": lines.total_bpsp.map(fixed),
            "images": [fixed(count, 0) for count in lines["count"]],
        }
        cells = cells.join(without_empty(pd.DataFrame(rates_of)))
    else:
        clocked = grid[grid.measured.notna()]
        texts = clocked.assign(text=[_seconds(row) for row in rows_of(clocked)])
        by_setting = texts.pivot(index=_LINE, columns="setting", values="text").reindex(lines.index)
        # A method of one setting has no others: no codec runs on a GPU.
        absent = by_setting.notna().any(axis=1).map({True: NONE, False: NOT_MEASURED})
        cells = cells.join(by_setting.apply(lambda column: column.fillna(absent)))
    lacking = lines[~lines.status.isin(("measured", NOT_MEASURED))].reset_index()
    why = [*(lacking.line + " " + lacking.status + ".")]
    return Section(
        f"Table {first.table}: {first.section}",
        cells.reset_index(drop=True),
        [first.remark, *why],
    )


def _published(row: Any) -> str:
    if pd.isna(row.published):
        return NONE
    text = row.printed if row.unit == BPSP else plain(row.published)
    return text + ("" if row.verified else UNVERIFIED_MARK) + REPRODUCED_MARK * row.reproduced


def _seconds(row: Any) -> str:
    spread = f" ({plain(row.low)}{NONE}{plain(row.high)})" if pd.notna(row.low) else ""
    return plain(row.measured) + spread


def _rates(run: Run, values: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Each of our data sets beside the published one that it is, or stands for."""
    for dataset, (label, same) in run.counterparts.items():
        theirs = values[(values.quantity == BPSP) & (values.label == label)]
        found = methods(run, dataset, set(theirs.name))
        if theirs.empty or found.empty:
            continue
        images = counted(int(found.images.max()), "image")
        yield from _beside(
            theirs,
            _rated(run, found),
            section=f"{label}{'' if same else f', {dataset} stands in'}",
            remark=f"Measured on {dataset}, {images}: {SAME if same else STAND_IN}",
            dataset=dataset,
            same=same,
        )


def _rated(run: Run, found: pd.DataFrame) -> pd.DataFrame:
    """Rates of methods, with the differences from L3C where networks and images are the same."""
    comparable = found.key.map(run.is_papers).astype(bool) & (found.reason == "")
    return found.assign(
        vs_l3c_percent=percent_above_l3c(run, found, comparable),
        setting="measured",
        count=found.images.where(found.images > 0),
    ).rename(columns={"method": "line", "mean_bpsp": "measured"})


def _times(run: Run, number: str, values: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """What was clocked: crops (Tables 3 and A1), or batches that were sampled (2 and A3)."""
    crops, batches = run.timing, run.batches[run.batches.operation == "sample"]
    batches = batches.assign(seconds=batches.seconds / batches.batch)
    if number == "2":
        for quantity, theirs in values[values.unit == "s"].groupby("quantity", sort=False):
            size, batch = str(quantity).removeprefix("sample_s ").split(" bs")
            sides = batches.side == int(size.split("x")[0])
            title = f"Seconds to sample an image of {size}, batch size {batch}"
            rows = batches[sides & (batches.batch == int(batch))]
            yield from _clocked(run, title, theirs, rows)
    elif number == "A3":
        sizes = values.quantity.str.split("bs").str[1]
        values = values.assign(name=sizes, method=sizes, quantity="sample_s by batch size")
        rows = batches[
            (batches.side == _BATCH_SIDE) & batches.key.map(run.is_reference).astype(bool)
        ]
        rows = rows.assign(name=rows.batch.astype(str))
        title = f"Seconds to sample an image of {_BATCH_SIDE}x{_BATCH_SIDE}"
        yield from _clocked(run, title, values, rows, "Batch size")
    elif number == "A1":  # the paper's columns of a scale together, named by the scale
        step, scale = (values.quantity.str.split().str[n] for n in (0, 1))
        each = step.str.removesuffix("_s").str.replace("_", " ") + " " + values.printed
        values = values.assign(name=scale, method=scale, note=each, quantity="decode_s by scale")
        steps = values.groupby("name", sort=False, as_index=False)
        values = steps.first().assign(
            value=steps.value.sum().value, note=steps.note.agg(", ".join).note
        )
        decoded = crops[(crops.direction == "decode") & crops.phase.isin(_PHASES)]
        rows = decoded[decoded.key.map(run.is_reference).astype(bool)]
        scales = rows[rows.scale != ""]
        names = "s=" + scales.scale.str.replace("x", "z0").str.removeprefix("z")
        rows = pd.concat([scales.assign(name=names), rows.assign(name="total")])
        yield from _clocked(run, "Seconds to decode a crop", values, rows, "Scale")
    elif number == "3":
        totals = crops[crops.phase == TOTAL]
        for way in ("encode", "decode"):
            theirs, rows = values[values.quantity == f"{way}_s"], totals[totals.direction == way]
            yield from _clocked(run, f"Seconds to {way} a crop", theirs, rows)
        theirs, once = values[values.quantity == BPSP], totals[totals.direction == "encode"]
        once = once.drop_duplicates(["key", "image"]).assign(cross_entropy_bits=np.nan)
        found = rates(once, ["key", "method"]).assign(reason="")
        ours = _rated(run, named(run, found, set(theirs.name)))
        yield from _beside(theirs, ours, **_about("Bits per sub-pixel of the crops", theirs, once))


def _clocked(
    run: Run, title: str, theirs: pd.DataFrame, rows: pd.DataFrame, head: str = "Method"
) -> Iterator[pd.DataFrame]:
    """Seconds of crops or batches by line and setting: the device and threads.

    Args:
        run: of the rows.
        title: of the section.
        theirs: published values.
        rows: what was clocked; lines that are no methods have a `name`, and settings for each
            model if there are several.
        head: what the lines are.
    """
    several = head != "Method" and rows.key.nunique() > 1
    if head == "Method":
        rows = named(run, rows, set(theirs.name))
    device = rows.device.map({"cuda": "GPU", "cpu": "CPU"}).astype(object)
    threads = rows.threads.map(lambda count: f", {counted(count, 'thread')}")
    setting = (rows.method + ", " if several else "") + device + threads
    rows = rows.assign(setting=setting, line=rows.method if head == "Method" else rows.name)
    by, item = [*_LINE, "setting"], "image" if "image" in rows else "batch"
    sums = rows.groupby([*by, item, "run"], sort=False)[["seconds"]].sum().reset_index()
    ours = repeated(sums, by, item, "seconds").rename(columns={"seconds": "measured"})
    outside = rows.name[~rows.in_process.astype(bool)] if "in_process" in rows else ()
    ours = ours.drop(columns="count").assign(external=ours.name.isin(outside))
    yield from _beside(theirs, ours, head, **_about(title, theirs, rows))


def _about(title: str, theirs: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Any]:
    """What `_beside` says of crops or batches."""
    label = theirs.label.iloc[0]
    gpu = "" if (rows.device == "cuda").any() else " GPU: not measured here."
    if "image" not in rows or rows.empty:
        return {"section": title, "remark": f"The paper's are of images of {label}.{gpu}"}
    first: Any = rows.iloc[0]
    crops = f"{counted(rows.image.nunique(), 'crop')} of {first.width}x{first.height}"
    of = f"images of {first.dataset}, smaller ones continued by mirroring"
    return {
        "section": f"{title}, {first.dataset} stands in for {label}",
        "remark": f"Measured on {crops} from {of}: {STAND_IN}{gpu}",
        "dataset": first.dataset,
    }
