"""Parts of the paper's tables: published values beside those of a run, one quantity in each."""

from __future__ import annotations

from collections.abc import Callable
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

BPSP, SECONDS, MIB = "bpsp", "s", "MiB"
NOT_MEASURED = "not measured here"
ALL = "measured"  # the setting of what is measured in one alone
OURS = ["measured", "low", "high", "count", "total_bpsp", "cross_entropy_bpsp", "vs_l3c_percent"]
OURS += ["release_bpsp", "reproduced", "external", "reason"]
_THEIRS = ["printed", "verified", "published", "published_confidence", "published_note"]
_THEIRS += ["published_vs_l3c_percent"]
_FLOATS = ("published", "published_vs_l3c_percent", *OURS[:8])
_CSV = ["table", "section", "published_on", "line", "quantity", "unit", "published"]
_CSV += ["published_confidence", "published_note", "published_vs_l3c_percent", "dataset"]
_CSV += ["published_images", "setting", "measured", "low", "high", "spread", "total_bpsp"]
_CSV += ["cross_entropy_bpsp", "vs_l3c_percent", "release_bpsp", "count", "status"]


@dataclass(frozen=True)
class Part:
    """One quantity, published on one data set, for several methods, scales or batch sizes.

    Attributes:
        title: of the section.
        values: published ones; `name` and `method` are those of the line.
        ours: name, line, setting, and what was measured there (`OURS`).
        rows: that it was measured from.
        quantity: as in results/published.csv.
        unit: of its values.
        head: what the lines are.
        dataset: key of our data set, "" for none.
        same: whether that is the published one; None without a data set.
        remark: what was measured instead, or why nothing was.
    """

    title: str
    values: pd.DataFrame
    ours: pd.DataFrame
    rows: pd.DataFrame
    quantity: str = BPSP
    unit: str = BPSP
    head: str = "Method"
    dataset: str = ""
    same: bool | None = None
    remark: str = ""

    @property
    def label(self) -> str:
        """Published data set and edition, "" where the paper has no such values."""
        return str(self.values.label.iloc[0]) if len(self.values) else ""

    @property
    def heading(self) -> str:
        """The title, with our data set where it stands in."""
        return self.title + (
            f", {self.dataset} stands in" if self.label and self.same is False else ""
        )

    @cached_property
    def grid(self) -> pd.DataFrame:
        """Published lines in the paper's order, then those it lacks; a row for each setting."""
        names = {"value": "published", "confidence": "published_confidence"}
        theirs = self.values.rename(columns=names | {"note": "published_note"})
        reference = next(iter(theirs.published[theirs.name == REFERENCE]), np.nan)
        theirs["published_vs_l3c_percent"] = 100 * (theirs.published / reference - 1)
        ours = self.ours.reindex(columns=["name", "line", "setting", *OURS])
        theirs = theirs[["name", "method", *_THEIRS]].merge(ours, on="name", how="left")
        grid = pd.concat([theirs, ours[~ours.name.isin(theirs.name)]], ignore_index=True)
        grid["line"] = grid.line.astype(object).fillna(grid.method)
        grid["reason"] = grid.reason.astype(object).fillna("")
        if order := _ORDERS.get(self.head):
            grid = grid.sort_values("name", key=lambda names: names.map(order), kind="stable")
        return grid.astype(dict.fromkeys(_FLOATS, "float64"))

    def data(self, number: str) -> pd.DataFrame:
        """A line for each cell, as CSV; `number` is the table's."""
        grid, is_rate = self.grid, self.unit == BPSP
        spread = f"{LEVEL:.0f} % bootstrap interval" if is_rate else "quartiles over runs"
        status = grid.measured.notna().map({True: "measured", False: NOT_MEASURED})
        found = grid.assign(
            table=number,
            section=self.heading,
            published_on=self.label,
            quantity=self.quantity,
            unit=self.unit,
            dataset=self.dataset,
            published_images=self.same,
            spread=grid.low.notna().map({True: spread, False: None}),
            count=grid["count"].astype("Int64"),
            status=status.where(grid.reason == "", status + ": " + grid.reason),
        )
        form = "{:.4f}" if is_rate else "{:.4g}"
        for name in ("measured", "low", "high", *OURS[4:6], "release_bpsp"):
            found[name] = found[name].map(form.format).astype(float)
        return found[_CSV].round(dict.fromkeys(("published_vs_l3c_percent", "vs_l3c_percent"), 2))

    def section(self, of: str) -> Section:
        """Printed; `of` is the title of the table."""
        grid = self.grid
        lines = grid.drop_duplicates(["name", "line"]).set_index(["name", "line"])
        external = grid.external.eq(True).groupby([grid.name, grid.line]).any()[lines.index]
        has = grid.measured.notna().groupby([grid.name, grid.line]).any()[lines.index]
        marks = external.map({True: EXTERNAL_MARK, False: ""})
        cells = pd.DataFrame({self.head: lines.index.get_level_values("line") + marks})
        if self.label:
            cells[f"published {self.unit}"] = [_published(row, self.unit) for row in rows_of(lines)]
        if self.unit == BPSP:
            cells = cells.set_index(lines.index).join(without_empty(_rates(lines)))
        else:
            texts = grid.assign(text=[_spent(row, self.unit) for row in rows_of(grid)]).dropna(
                subset="measured"
            )
            absent = has.map({True: NONE, False: NOT_MEASURED})  # a dash: no codec runs on a GPU
            for setting in dict.fromkeys(self.ours.setting) or [ALL]:
                chosen = texts[texts.setting == setting].set_index(["name", "line"]).text
                cells[setting] = chosen.astype(object).reindex(lines.index).fillna(absent)
        reasons = dict.fromkeys(
            f"{row.line}: {row.reason if some else f'{NOT_MEASURED} ({row.reason})'}."
            for row, some in zip(rows_of(grid), grid.measured.notna(), strict=True)
            if row.reason
        )
        of_label = f"; published on {self.label}" if self.title != self.label else ""
        title = self.heading + (of_label if self.label else "")
        return Section(
            title=title,
            cells=cells.reset_index(drop=True),
            remarks=[*filter(None, [self.remark]), *reasons],
            caption=f"{of}: {title}.{self._explained()}",
        )

    def _explained(self) -> str:
        """What the measured numbers are, if there are any."""
        if self.grid.measured.isna().all() or self.unit == MIB:
            return ""
        spread = self.grid.low.notna().any()
        if self.unit == BPSP:
            interval = f" with {LEVEL:.0f} % bootstrap intervals" if spread else ""
            return f" Rates are those of whole files, means over images{interval}."
        quartiles = " with the quartiles over runs" if spread else ""
        return f" Times are medians of clocked runs{quartiles}, averaged over crops."


def _published(row: Any, unit: str) -> str:
    if pd.isna(row.published):
        return NONE
    text = row.printed if unit == BPSP and row.printed else plain(row.published)
    text += "" if row.verified else UNVERIFIED_MARK
    return text + (REPRODUCED_MARK if row.reproduced is True else "")


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
    """A time or a size."""
    if unit == MIB:
        return fixed(row.measured, 0)
    spread = f" ({plain(row.low)}{NONE}{plain(row.high)})" if pd.notna(row.low) else ""
    return plain(row.measured) + spread


def _scale_order(line: str) -> int:
    """Coarsest scale first, the total last."""
    return 1 if line == "total" else -int(line.removeprefix("s="))


_ORDERS: dict[str, Callable[[str], int]] = {"Scale": _scale_order, "Batch size": int}
NO_OURS = pd.DataFrame(columns=["name", "line", "setting"])
