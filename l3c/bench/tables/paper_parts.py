"""Parts of the paper's tables: published values beside those of a run, one quantity in each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from l3c.bench.run import REFERENCE
from l3c.bench.schema import rows_of
from l3c.bench.stats import LEVEL
from l3c.bench.tables.layout import (
    EXTERNAL_MARK,
    NONE,
    REPRODUCED_MARK,
    UNVERIFIED_MARK,
    Section,
    fixed,
    percent,
    plain,
    span,
    without_empty,
)
from l3c.bench.tables.methods import reproduced

BPSP, PEAK = "bpsp", "peak_mib"
NOT_MEASURED = "not measured here"
ALL = "measured"  # the setting of what is measured in one alone
_LINE = ["name", "line"]
_NUMBERS = ["measured", "low", "high", "total_bpsp", "cross_entropy_bpsp", "vs_l3c_percent"]
_NUMBERS += ["release_bpsp", "count"]
_OURS = [*_LINE, "setting", *_NUMBERS, "released", "external", "reason"]
_THEIRS = {"value": "published", "confidence": "published_confidence", "note": "published_note"}
_CSV = ["table", "section", "published_on", "line", "quantity", "unit", *_THEIRS.values()]
_CSV += ["published_vs_l3c_percent", "dataset", "published_images", "setting", *_NUMBERS[:3]]
_CSV += ["spread", *_NUMBERS[3:], "status"]
_INTERVAL = f"{LEVEL:.0f} % bootstrap interval"
_MEASURED = {
    "bpsp": f" Rates are those of whole files, means over images with {_INTERVAL}s.",
    "s": " Times are medians of clocked runs, averaged over crops, with the quartiles over runs.",
}


@dataclass(frozen=True)
class Part:
    """One quantity, published on one data set, for several methods, scales or batch sizes.

    Attributes:
        title: of the section.
        values: published ones; `name` and `method` are those of the line.
        ours: name, line, setting, and what was measured there.
        rows: that it was measured from.
        quantity: as in results/published.csv.
        head: what the lines are: methods in the paper's order, or sorted scales or batch sizes.
        dataset: key of our data set, "" for none.
        same: whether that is the published one; None without a data set.
        remark: what was measured instead, or why nothing was.
    """

    title: str
    values: pd.DataFrame
    ours: pd.DataFrame
    rows: pd.DataFrame
    quantity: str = BPSP
    head: str = "Method"
    dataset: str = ""
    same: bool | None = None
    remark: str = ""

    @property
    def unit(self) -> str:
        """Of the quantity."""
        return {BPSP: "bpsp", PEAK: "MiB"}.get(self.quantity, "s")

    @cached_property
    def grid(self) -> pd.DataFrame:
        """Published lines in the paper's order, then those it lacks; a row for each setting.

        The columns of the CSV are among its own.
        """
        theirs = self.values.rename(columns=_THEIRS)
        on = next(iter(theirs.label), "")  # data set and edition
        heading = self.title
        heading += f", {self.dataset} stands in" if on and self.same is False else ""
        heading += f"; published on {on}" if on not in ("", self.title) else ""
        reference = next(iter(theirs.published[theirs.name == REFERENCE]), np.nan)
        theirs["published_vs_l3c_percent"] = 100 * (theirs.published / reference - 1)
        ours = self.ours.reindex(columns=_OURS)
        grid = theirs.drop(columns="table").merge(ours, on="name", how="left")
        grid = pd.concat([grid, ours[~ours.name.isin(theirs.name)]], ignore_index=True)
        if self.head != "Method":
            order = {"total": 1}  # scales from the coarsest on, all together last
            ranks = [order.get(n) or (-int(n[2:]) if "=" in n else int(n)) for n in grid.name]
            grid = grid.iloc[np.argsort(ranks, kind="stable")]
        grid = grid.astype(dict.fromkeys((*_NUMBERS, "published"), "float64"))
        reason = grid.reason.astype(object).fillna("")
        status = grid.measured.notna().map({True: "measured", False: NOT_MEASURED})
        spread = _INTERVAL if self.quantity == BPSP else "quartiles over runs"
        return grid.assign(
            line=grid.line.astype(object).fillna(grid.method),
            section=heading,
            published_on=on,
            quantity=self.quantity,
            unit=self.unit,
            dataset=self.dataset,
            published_images=self.same,
            spread=grid.low.notna().map({True: spread, False: None}),
            count=grid["count"].astype("Int64"),
            reason=reason,
            status=status.where(reason == "", status + ": " + reason),
            reproduced=reproduced(grid, "published", self.same is True),
        )

    def data(self, number: str) -> pd.DataFrame:
        """A line for each cell, as CSV; `number` is the table's."""
        return self.grid.assign(table=number)[_CSV]

    def section(self, of: str) -> Section:
        """Printed; `of` is the title of the table."""
        grid = self.grid.assign(has=self.grid.measured.notna())
        heading = grid.section.iloc[0]
        lines = grid.drop_duplicates(_LINE).set_index(_LINE)
        grouped = grid.assign(external=grid.external.eq(True)).groupby(_LINE)
        flags = grouped[["external", "has"]].any().loc[lines.index]
        marks = flags.external.map({True: EXTERNAL_MARK, False: ""})
        cells = pd.DataFrame({self.head: lines.index.get_level_values("line") + marks})
        if len(self.values):
            cells[f"published {self.unit}"] = [_published(row, self.unit) for row in rows_of(lines)]
        if self.quantity == BPSP:
            cells = cells.join(without_empty(_rates(lines)))
        else:
            absent = flags.has.map({True: NONE, False: NOT_MEASURED})  # no codec runs on a GPU
            for setting in dict.fromkeys(self.ours.setting) or [ALL]:
                chosen = grid[grid.has & (grid.setting == setting)].set_index(_LINE)
                texts = [_spent(row, self.unit) for row in rows_of(chosen)]
                spent = pd.Series(texts, chosen.index, dtype=object).reindex(lines.index)
                cells[setting] = spent.fillna(absent)
        reasons = dict.fromkeys(
            f"{row.line}: {row.reason if row.has else f'{NOT_MEASURED} ({row.reason})'}."
            for row in rows_of(grid[grid.reason != ""])
        )
        measured = _MEASURED.get(self.unit, "") if grid.has.any() else ""
        return Section(
            title=heading,
            cells=cells.reset_index(drop=True),
            remarks=[*filter(None, [self.remark]), *reasons],
            caption=f"{of}: {heading}.{measured}",
        )


def _published(row: Any, unit: str) -> str:
    if pd.isna(row.published):
        return NONE
    text = row.printed if unit == BPSP else plain(row.published)
    return text + ("" if row.verified else UNVERIFIED_MARK) + REPRODUCED_MARK * row.reproduced


def _rates(grid: pd.DataFrame) -> pd.DataFrame:
    """Printed columns of rates by title."""
    return pd.DataFrame(
        {
            "published vs. L3C": grid.published_vs_l3c_percent.map(percent),
            "measured bpsp": grid.measured.map(lambda v: NOT_MEASURED if v != v else fixed(v)),
            "cross-entropy bpsp": grid.cross_entropy_bpsp.map(fixed),
            "release's rules bpsp": grid.release_bpsp.map(fixed),
            f"{LEVEL:.0f} % interval": list(map(span, grid.low, grid.high)),
            "measured vs. L3C": grid.vs_l3c_percent.map(percent),
            "total bpsp": grid.total_bpsp.map(fixed),
            "images": [fixed(count, 0) for count in grid["count"]],
        }
    )


def _spent(row: Any, unit: str) -> str:
    """A time with its quartiles, or a size."""
    if unit != "s":
        return fixed(row.measured, 0)
    spread = f" ({plain(row.low)}{NONE}{plain(row.high)})" if pd.notna(row.low) else ""
    return plain(row.measured) + spread
