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
    theirs: pd.DataFrame, ours: pd.DataFrame, head: str = "Method", **of: Any
) -> Iterator[pd.DataFrame]:
    """A line for each method and setting, as the CSV has it, if anything was measured.

    Args:
        theirs: published values of one quantity; `name` and `method` are those of the line.
        ours: of the columns `_OURS` those that there are; `low` and `high` are quartiles over runs,
            or the interval of a mean.
        head: what the lines are: methods in the paper's order, or scales or batch sizes, sorted.
        of: `section`, its title; `remark`, what was measured; our `dataset`, "" for none;
            `published_images`, whether that is the published one.
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
    of |= {name: theirs[name].iloc[0] for name in ("table", "quantity", "unit")}
    of |= {"published_on": theirs.label.iloc[0], "head": head}
    status = grid.measured.notna().map({True: "measured", False: NOT_MEASURED})
    yield grid.assign(
        **of,
        line=grid.line.fillna(grid.method),
        count=grid["count"].astype("Int64"),
        status=grid.reason.where(grid.reason.fillna("") != "", status),
        reproduced=reproduced(grid, "published", of["published_images"]),
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
            published_images=same,
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
    """What was clocked: crops (Tables 3 and A1), or batches (2 and A3)."""
    crops = run.timing
    if number in ("2", "A3"):
        yield from _of_batches(run, number, values[values.unit == "s"])
    elif number == "A1":  # the paper's columns of a scale together, named by the scale
        step, scale = (values.quantity.str.split().str[n] for n in (0, 1))
        each = step.str.removesuffix("_s").str.replace("_", " ") + " " + values.printed
        values = values.assign(name=scale, method=scale, note=each, quantity="decode_s by scale")
        steps = values.groupby("name", sort=False, as_index=False)
        values = steps.first().assign(
            value=steps.value.sum().value, note=steps.note.agg(", ".join).note
        )
        of_l3c = crops.key.map(run.is_reference).astype(bool)
        rows = crops[of_l3c & (crops.direction == "decode") & crops.phase.isin(_PHASES)]
        scales = rows[rows.scale != ""]
        names = "s=" + scales.scale.str.replace("x", "z0").str.removeprefix("z")
        both = pd.concat([scales.assign(name=names), rows.assign(name="total")])
        ours = _clocked(both.assign(line=both.name), "image")
        yield from _of_crops("Seconds to decode a crop", values, ours, rows, "Scale")
    elif number == "3":
        totals = crops[crops.phase == TOTAL]
        for way in ("encode", "decode"):
            theirs, rows = values[values.quantity == f"{way}_s"], totals[totals.direction == way]
            ours = _clocked(named(run, rows, set(theirs.name)).assign(line=rows.method), "image")
            yield from _of_crops(f"Seconds to {way} a crop", theirs, ours, rows)
        theirs = values[values.quantity == BPSP]
        once = totals[totals.direction == "encode"].drop_duplicates(["key", "image"])
        found = rates(once.assign(cross_entropy_bits=np.nan), ["key", "method"])
        ours = _rated(run, named(run, found.assign(reason=""), set(theirs.name)))
        yield from _of_crops("Bits per sub-pixel of the crops", theirs, ours, once)


def _of_crops(
    title: str,
    theirs: pd.DataFrame,
    ours: pd.DataFrame,
    rows: pd.DataFrame,
    head: str = "Method",
) -> Iterator[pd.DataFrame]:
    """What was clocked on crops, if there are any."""
    if not len(rows):
        return
    first: Any = rows.iloc[0]
    crops = f"{counted(rows.image.nunique(), 'crop')} of {first.width}x{first.height}"
    of = f"images of {first.dataset}, smaller ones continued by mirroring"
    yield from _beside(
        theirs,
        ours,
        head,
        section=f"{title}, {first.dataset} stands in for {theirs.label.iloc[0]}",
        remark=f"Measured on {crops} from {of}: {STAND_IN}{_gpu(rows)}",
        dataset=first.dataset,
        published_images=False,
    )


def _of_batches(run: Run, number: str, values: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Seconds to sample an image: of one size of batch by method, or of L3C by size of batch."""
    rows = run.batches[run.batches.operation == "sample"]
    rows = rows.assign(seconds=rows.seconds / rows.batch).sort_values("batch", kind="stable")
    if number == "A3":
        sizes = values.quantity.str.split("bs").str[1]
        values = values.assign(name=sizes, method=sizes, quantity="sample_s by batch size")
        rows = rows[(rows.side == _BATCH_SIDE) & rows.key.map(run.is_reference).astype(bool)]
        rows = rows.assign(name=rows.batch.astype(str), line=rows.batch.astype(str))
    for quantity, theirs in values.groupby("quantity", sort=False):
        size, batch, chosen, head = f"{_BATCH_SIDE}x{_BATCH_SIDE}", "", rows, "Batch size"
        if number == "2":
            size, batch = str(quantity).removeprefix("sample_s ").split(" bs")
            chosen = rows[(rows.side == int(size.split("x")[0])) & (rows.batch == int(batch))]
            chosen = named(run, chosen, set(theirs.name)).assign(line=chosen.method)
            batch, head = f", batch size {batch}", "Method"
        yield from _beside(
            theirs,
            _clocked(chosen, "batch"),
            head,
            section=f"Seconds to sample an image of {size}{batch}",
            remark=f"The paper's are of images of {theirs.label.iloc[0]}.{_gpu(chosen)}",
            dataset="",
            published_images=False,
        )


def _clocked(rows: pd.DataFrame, item: str) -> pd.DataFrame:
    """Times by line and setting: the device and threads, and where lines are no methods the model.

    Args:
        rows: with `name` and `line`.
        item: column of what was clocked several times.
    """
    several = rows.key.nunique() > 1 and (rows.line != rows.method).any()
    device = rows.device.map({"cuda": "GPU", "cpu": "CPU"}).astype(object)
    threads = rows.threads.map(lambda count: f", {counted(count, 'thread')}")
    rows = rows.assign(setting=(rows.method + ", " if several else "") + device + threads)
    by = [*_LINE, "setting"]
    sums = rows.groupby([*by, item, "run"], sort=False)[["seconds"]].sum().reset_index()
    found = repeated(sums, by, item, "seconds").rename(columns={"seconds": "measured"})
    outside = rows.name[~rows.in_process.astype(bool)] if "in_process" in rows else ()
    return found.drop(columns="count").assign(external=found.name.isin(outside))


def _gpu(rows: pd.DataFrame) -> str:
    return "" if (rows.device == "cuda").any() else " GPU: not measured here."
