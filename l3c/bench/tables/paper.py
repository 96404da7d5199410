"""Tables 1, 2, 3, A1, A2, A3 of the L3C paper: published values beside those of a run.

A section for each published quantity and data set that the run measured: the lines of the paper in
its order, then those that only the run has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from l3c.bench.published import SAME, STAND_IN
from l3c.bench.run import REFERENCE, Run
from l3c.bench.schema import TOTAL, measured, rows_of
from l3c.bench.stats import LEVEL, rates, repeated
from l3c.bench.tables.comparison import about, methods, named, percent_above_l3c, reproduced
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
BPSP, ALL = "bpsp", "measured"  # a unit; the setting of what is measured in one alone
NOT_MEASURED = "not measured here"
_PHASES = ("network", "coder", "range_coder")  # the sum of the paper's columns in Table A1
_BATCH_SIDE = 32  # of the images of Table A3, pixels
_LINE = ["name", "line"]
_RATES = ["total_bpsp", "cross_entropy_bpsp", "vs_l3c_percent", "release_bpsp", "count"]
_OURS = [*_LINE, "setting", "measured", "low", "high", *_RATES, "released", "external", "reason"]
_THEIRS = {"value": "published", "confidence": "published_confidence", "note": "published_note"}
_CSV = ["table", "section", "published_on", "line", "quantity", "unit", *_THEIRS.values()]
_CSV += ["published_vs_l3c_percent", "dataset", "published_images", "setting"]
_CSV += ["measured", "low", "high", *_RATES, "status"]


@dataclass(frozen=True)
class Part:
    """One published quantity on one data set, and what was measured of it.

    Attributes:
        title: of the section.
        values: published ones; `name` and `method` are those of the line.
        ours: columns `_OURS`; lower and upper quartiles over runs, or the interval of a mean.
        rows: that it was measured from.
        remark: what was measured.
        dataset: key of our data set, "" for none.
        same: whether that is the published one.
        head: what the lines are: methods in the paper's order, or sorted scales or batch sizes.
    """

    title: str
    values: pd.DataFrame
    ours: pd.DataFrame
    rows: pd.DataFrame
    remark: str
    dataset: str
    same: bool = False
    head: str = "Method"

    def grid(self, number: str) -> pd.DataFrame:
        """A line for each method and setting, as the CSV has it; `number` is the table's."""
        theirs = self.values.rename(columns=_THEIRS).drop(columns="table")
        reference = next(iter(theirs.published[theirs.name == REFERENCE]), np.nan)
        theirs["published_vs_l3c_percent"] = 100 * (theirs.published / reference - 1)
        ours = self.ours.reindex(columns=_OURS)
        grid = theirs.merge(ours, on="name", how="left")
        grid = pd.concat([grid, ours[~ours.name.isin(theirs.name)]], ignore_index=True)
        if self.head != "Method":  # scales from the coarsest on, all together last
            ranks = grid.name.replace("total", "1").str.replace("s=", "-").astype(int)
            grid = grid.iloc[np.argsort(ranks, kind="stable")]
        grid = grid.astype(dict.fromkeys(("measured", "low", "high", *_RATES), "float64"))
        reason = grid.reason.astype(object).fillna("")
        status = grid.measured.notna().map({True: "measured", False: NOT_MEASURED})
        return grid.assign(
            table=number,
            line=grid.line.astype(object).fillna(grid.method),
            section=self.title,
            published_on=self.values.label.iloc[0],
            quantity=self.values.quantity.iloc[0],
            unit=self.values.unit.iloc[0],
            dataset=self.dataset,
            published_images=self.same,
            count=grid["count"].astype("Int64"),
            reason=reason,
            status=status.where(reason == "", status + ": " + reason),
            reproduced=reproduced(grid, "published", self.same),
        )

    def section(self, number: str) -> Section:
        """Printed."""
        grid = self.grid(number)
        unit, has = grid.unit.iloc[0], grid.measured.notna()
        lines = grid.drop_duplicates(_LINE).set_index(_LINE)
        external = grid.external.eq(True).groupby([grid.name, grid.line]).any()[lines.index]
        marks = external.map({True: EXTERNAL_MARK, False: ""})
        cells = pd.DataFrame({self.head: lines.index.get_level_values("line") + marks})
        cells[f"published {unit}"] = [_published(row, unit) for row in rows_of(lines)]
        if unit == BPSP:
            rates_of = {
                "published vs. L3C": lines.published_vs_l3c_percent.map(percent),
                "measured bpsp": lines.measured.map(lambda v: NOT_MEASURED if v != v else fixed(v)),
                "cross-entropy bpsp": lines.cross_entropy_bpsp.map(fixed),
                "release's rules bpsp": lines.release_bpsp.map(fixed),
                f"{LEVEL:.0f} % interval": list(map(span, lines.low, lines.high)),
                "measured vs. L3C": lines.vs_l3c_percent.map(percent),
                "total bpsp": lines.total_bpsp.map(fixed),
                "images": [fixed(count, 0) for count in lines["count"]],
            }
            cells = cells.join(without_empty(pd.DataFrame(rates_of)))
            spread = f" Rates are of whole files, means over images, {LEVEL:.0f} % intervals."
        else:
            for setting in dict.fromkeys(self.ours.setting):
                chosen = grid[has & (grid.setting == setting)].set_index(_LINE)
                cells[setting] = pd.Series(
                    [_seconds(row) for row in rows_of(chosen)], chosen.index, dtype=object
                ).reindex(lines.index)
            known = has.groupby([grid.name, grid.line]).any()[lines.index]
            absent = known.map({True: NONE, False: NOT_MEASURED})  # no codec runs on a GPU
            cells = cells.apply(lambda column: column.fillna(absent))
            spread = " Times are medians of clocked runs, averaged, with the quartiles over runs."
        why = [f"{row.line}: {row.status}." for row in rows_of(grid[grid.reason != ""])]
        title = f"Table {number}: {self.title}"
        return Section(
            title=title,
            cells=cells.reset_index(drop=True),
            remarks=[self.remark, *dict.fromkeys(why)],
            caption=f"{title} ({_TEXTS.title[number]}, L3C paper).{spread}",
        )


def _published(row: Any, unit: str) -> str:
    if pd.isna(row.published):
        return NONE
    text = row.printed if unit == BPSP else plain(row.published)
    return text + ("" if row.verified else UNVERIFIED_MARK) + REPRODUCED_MARK * row.reproduced


def _seconds(row: Any) -> str:
    spread = f" ({plain(row.low)}{NONE}{plain(row.high)})" if pd.notna(row.low) else ""
    return plain(row.measured) + spread


@table("paper", "Tables of the paper, published values beside ours")
def paper(run: Run) -> Table:
    """Sections of all six tables, as far as the run measured the same."""
    parts = []
    for number in _TEXTS.index:
        values = run.published[run.published.table == number]
        of_table = [*_rate_parts(run, values), *_time_parts(run, number, values)]
        parts += [(number, part) for part in of_table if part.ours.measured.notna().any()]
    rows = [part.rows.astype(object) for _, part in parts] or [run.rows]
    return Table(
        "Tables of the L3C paper, published values beside those of this run",
        [part.section(number) for number, part in parts],
        pd.concat([part.grid(number)[_CSV] for number, part in parts] or [pd.DataFrame()]),
        [
            *(f"Table {n}: {_TEXTS.notes[n]}" for n in dict.fromkeys(n for n, _ in parts)),
            *about(run, pd.concat(rows, ignore_index=True)),
        ],
    )


def _rate_parts(run: Run, values: pd.DataFrame) -> Iterator[Part]:
    """A part for each published data set and edition, and each of ours that stands for it."""
    values = values[values.quantity == BPSP]
    for label, theirs in values.groupby("label", sort=False):
        for dataset, counterpart in run.counterparts.items():
            # Our data set beside this edition, or the very images of another one.
            own = counterpart.label == label
            other = values.dataset[values.label == counterpart.label]
            if not own and not (counterpart.same and theirs.dataset.iloc[0] in set(other)):
                continue
            found = methods(run, dataset, set(theirs.name))
            if not own:  # what the paper lacks is beside its own edition
                found = found[found.name.isin(theirs.name)]
            same = counterpart.same and own
            images = counted(int(found.images.max()) if len(found) else 0, "image")
            title = f"{dataset} ({counterpart.title})" if counterpart.title else dataset
            yield Part(
                f"{label}{'' if same else f', {dataset} stands in'}",
                theirs,
                _rated(run, found),
                measured(run.rows[run.rows.dataset == dataset]),
                f"Measured on {title}, {images}: {SAME if same else STAND_IN}",
                dataset,
                same,
            )


def _rated(run: Run, found: pd.DataFrame) -> pd.DataFrame:
    """Rates of methods, with the differences from L3C where networks and images are the same."""
    comparable = found.key.map(run.is_papers).astype(bool) & (found.failure == "")
    return found.assign(
        vs_l3c_percent=percent_above_l3c(run, found, comparable),
        setting=ALL,
        count=found.images.where(found.images > 0),
        reason=found.reason.where(found.reason != "", found.failure),
    ).rename(columns={"method": "line", "mean_bpsp": "measured"})


def _time_parts(run: Run, number: str, values: pd.DataFrame) -> Iterator[Part]:
    """Parts of what was clocked: crops (Tables 3 and A1), or batches (2 and A3)."""
    crops = measured(run.timing)
    of_l3c = crops.key.map(run.is_reference).astype(bool)
    if number == "A1":  # the paper's columns of a scale together, named by the scale
        step, scale = (values.quantity.str.split().str[n] for n in (0, 1))
        each = step.str.removesuffix("_s").str.replace("_", " ") + " " + values.printed
        values = values.assign(name=scale, method=scale, note=each, quantity="decode_s by scale")
        steps = values.groupby("name", sort=False, as_index=False)
        values = steps.first().assign(
            value=steps.value.sum().value, note=steps.note.agg(", ".join).note
        )
        rows = crops[of_l3c & (crops.direction == "decode") & crops.phase.isin(_PHASES)]
        scales = rows[rows.scale != ""]
        names = "s=" + scales.scale.str.replace("x", "z0").str.removeprefix("z")
        both = pd.concat([scales.assign(name=names), rows.assign(name="total")])
        both = both.assign(line=both.name)
        yield from _crops(run, "Seconds to decode a crop", values, both, "Scale")
    elif number == "3":
        totals = crops[crops.phase == TOTAL]
        for way in ("encode", "decode"):
            theirs, rows = values[values.quantity == f"{way}_s"], totals[totals.direction == way]
            rows = named(run, rows, set(theirs.name)).assign(line=rows.method)
            yield from _crops(run, f"Seconds to {way} a crop", theirs, rows)
        once = totals[totals.direction == "encode"].drop_duplicates(["key", "image"])
        found = rates(once.assign(cross_entropy_bits=np.nan), ["key", "method"])
        theirs = values[values.quantity == BPSP]
        ours = _rated(run, named(run, found.assign(failure="", reason=""), set(theirs.name)))
        for part in _crops(run, "Bits per sub-pixel of the crops", theirs, once.assign(line="")):
            yield Part(part.title, theirs, ours, once, part.remark, part.dataset)
    else:
        yield from _batch_parts(run, number, values[values.unit == "s"])


def _crops(
    run: Run, title: str, theirs: pd.DataFrame, rows: pd.DataFrame, head: str = "Method"
) -> Iterator[Part]:
    """The part of clocked crops, if there are any."""
    if not len(rows):
        return
    first: Any = rows.iloc[0]
    kept = [row for row in run.manifests.get(run.timed_on, ()) if row.status == "kept"]
    smaller = any(min(row.height or 0, row.width or 0) < first.height for row in kept)
    mirrored = ", smaller ones continued by mirroring" if smaller else ""
    crops = f"{counted(rows.image.nunique(), 'crop')} of {first.width}x{first.height}"
    remark = f"Measured on {crops} from images of {first.dataset}{mirrored}: {STAND_IN}"
    ours = pd.DataFrame(columns=_OURS) if "name" not in rows else _times(rows, "image")
    title = f"{title}, {first.dataset} stands in for {theirs.label.iloc[0]}"
    yield Part(title, theirs, ours, rows, f"{remark}{_gpu(rows)}", first.dataset, head=head)


def _batch_parts(run: Run, number: str, values: pd.DataFrame) -> Iterator[Part]:
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
        title = f"Seconds to sample an image of {size}{batch}"
        remark = f"The paper's are of images of {theirs.label.iloc[0]}.{_gpu(chosen)}"
        yield Part(title, theirs, _times(chosen, "batch"), chosen, remark, "", head=head)


def _times(rows: pd.DataFrame, item: str) -> pd.DataFrame:
    """What was clocked, by line and setting: the device and threads, small ones first.

    Where lines are no methods, several models have settings of their own.
    """
    several = rows.key.nunique() > 1 and (rows.line != rows.method).any()
    rows = rows.sort_values(["method"] * bool(several) + ["device", "threads"], kind="stable")
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
