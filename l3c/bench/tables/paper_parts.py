"""Parts of the paper's tables: published values beside those of a run, one quantity in each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from l3c.bench.checks import failure_texts
from l3c.bench.published import PublishedValue, normalize, published_name
from l3c.bench.run import REFERENCE, Run
from l3c.bench.schema import TOTAL, measured, rows_of
from l3c.bench.stats import LEVEL, percent_above, rates, repeated
from l3c.bench.tables.layout import (
    EXTERNAL_MARK,
    NONE,
    UNVERIFIED_MARK,
    Section,
    counted,
    fixed,
    percent,
    plain,
    span,
)

BPSP, SECONDS, MIB = "bpsp", "s", "MiB"
NOT_MEASURED = "not measured here"
NOT_A_METHOD = "not among the methods measured"
NOTHING = "measured"  # the one column of a part for which nothing was measured
_THEIRS = ("published", "printed", "confidence", "note", "published_vs_l3c_percent")
_NUMBERS = ("measured", "low", "high", "count")
_RATES = ("total_bpsp", "cross_entropy_bpsp", "vs_l3c_percent")
_OURS = (*_NUMBERS, *_RATES, "reason", "external")


@dataclass(frozen=True)
class Part:
    """One quantity, published on one data set, for several methods, scales or batch sizes.

    Attributes:
        title: of the section.
        label: published data set and edition, "" where the paper has no such values.
        quantity: as in results/published.csv.
        unit: of its values.
        head: what the lines are.
        grid: a row for each line and setting, see `beside`.
        dataset: key of our data set, "" for none.
        same: whether that is the published one; None without a data set.
        remark: what was measured instead, or why nothing was; one or more sentences.
    """

    title: str
    label: str
    quantity: str
    unit: str
    head: str
    grid: pd.DataFrame
    dataset: str = ""
    same: bool | None = None
    remark: str = ""

    @property
    def heading(self) -> str:
        """The title, with what the published values are of."""
        if not self.label or self.title.startswith(self.label):
            return self.title
        return f"{self.title}; published on {self.label}"

    def data(self, number: str) -> pd.DataFrame:
        """A line for each cell, as CSV; `number` is the table's."""
        grid = self.grid
        is_rate = self.unit == BPSP
        kind = f"{LEVEL:.0f} % bootstrap interval" if is_rate else "quartiles over runs"
        form = "{:.4f}" if is_rate else "{:.4g}"
        found = grid.assign(
            table=number,
            section=self.title,
            published_on=self.label,
            line=grid.label,
            quantity=self.quantity,
            unit=self.unit,
            published_confidence=grid.confidence,
            published_note=grid.note,
            dataset=self.dataset,
            published_images=self.same,
            spread=grid.low.notna().map({True: kind, False: None}),
            count=grid["count"].astype("Int64"),
            status=[_status(row) for row in rows_of(grid)],
        )
        for name in ("measured", "low", "high", "total_bpsp", "cross_entropy_bpsp"):
            found[name] = [float(form.format(value)) for value in found[name].astype(float)]
        columns = ["table", "section", "published_on", "line", "quantity", "unit", "published"]
        columns += ["published_confidence", "published_note", "published_vs_l3c_percent"]
        columns += ["dataset", "published_images", "setting", "measured", "low", "high", "spread"]
        columns += [*_RATES, "count", "status"]
        return found[columns].round({name: 2 for name in columns if name.endswith("percent")})

    def section(self, of: str, common: bool) -> Section:
        """Printed.

        Args:
            of: title of the table.
            common: the remark is printed above all sections.
        """
        grid = self.grid
        lines = grid.drop_duplicates(["line", "label"])
        cells = pd.DataFrame(
            {self.head: [row.label + EXTERNAL_MARK * bool(row.external) for row in rows_of(lines)]}
        )
        if self.label:
            cells[f"published {self.unit}"] = [_published(row, self.unit) for row in rows_of(lines)]
        settings = list(dict.fromkeys(grid.setting))
        if self.unit == BPSP:
            cells["published vs. L3C"] = [
                percent(value) for value in lines.published_vs_l3c_percent
            ]
            for title, printed in _rate_columns(grid).items():
                cells[title] = printed
        else:
            has = grid.groupby(["line", "label"]).measured.transform("count") > 0
            texts = [_spent(r, self.unit, h) for r, h in zip(rows_of(grid), has, strict=True)]
            for setting in settings:
                cells[setting] = [
                    t for t, s in zip(texts, grid.setting, strict=True) if s == setting
                ]
        reasons = dict.fromkeys(
            f"{row.label}: {row.reason if has else f'{NOT_MEASURED} ({row.reason})'}."
            for row, has in zip(rows_of(grid), grid.measured.notna(), strict=True)
            if row.reason and row.reason != NOT_A_METHOD
        )
        first = list(cells.columns[1 : 1 + bool(self.label)])
        pairs = [settings[i : i + 2] for i in range(0, len(settings), 2)]
        return Section(
            title=self.heading,
            cells=cells,
            remarks=[*([self.remark] if self.remark and not common else []), *reasons],
            caption=" ".join([f"{of}: {self.heading}.", *self._explained()]),
            parts=[] if self.unit == BPSP else [[*first, *pair] for pair in pairs],
        )

    def _explained(self) -> list[str]:
        """What the numbers are and what the marks mean, as far as there are any."""
        grid, said = self.grid, []
        spread = grid.low.notna().any()
        if grid.measured.notna().any() and self.unit == BPSP:
            interval = f" with {LEVEL:.0f} % bootstrap intervals" if spread else ""
            said.append(f"Rates are of whole files, means over images{interval}.")
        if grid.measured.notna().any() and self.unit == SECONDS:
            quartiles = " with the quartiles over runs" if spread else ""
            said.append(f"Times are medians of clocked runs{quartiles}, averaged over crops.")
        if (grid.confidence.notna() & (grid.confidence != "primary")).any():
            said.append(f"{UNVERIFIED_MARK} published value not checked against the paper.")
        if grid.external.any():
            said.append(f"{EXTERNAL_MARK} external program; times include file I/O.")
        return said


def _status(row: Any) -> str:
    if pd.isna(row.measured):
        return f"{NOT_MEASURED}: {row.reason}" if row.reason else NOT_MEASURED
    return f"measured; {row.reason}" if row.reason else "measured"


def _published(row: Any, unit: str) -> str:
    if pd.isna(row.published):
        return NONE
    text = row.printed if unit == BPSP else plain(row.published)
    return text if row.confidence == "primary" else text + UNVERIFIED_MARK


def _rate_columns(grid: pd.DataFrame) -> dict[str, list[str]]:
    """Printed columns of rates by title; those that no line has are left out."""
    columns = {
        "measured bpsp": [NOT_MEASURED if pd.isna(v) else fixed(v) for v in grid.measured],
        "cross-entropy bpsp": [fixed(value) for value in grid.cross_entropy_bpsp],
        f"{LEVEL:.0f} % interval": [span(*ends) for ends in zip(grid.low, grid.high, strict=True)],
        "measured vs. L3C": [percent(value) for value in grid.vs_l3c_percent],
        "total bpsp": [fixed(value) for value in grid.total_bpsp],
        "images": [fixed(value, 0) for value in grid["count"]],
    }
    optional = {"cross-entropy bpsp", "measured vs. L3C"}
    return {
        title: cells
        for title, cells in columns.items()
        if title not in optional or set(cells) != {NONE}
    }


def _spent(row: Any, unit: str, has: bool) -> str:
    if pd.isna(row.measured):
        # Where only some settings are empty, it has nothing there: no codec runs on a GPU.
        return NONE if has else NOT_MEASURED
    if unit == MIB:
        return fixed(row.measured, 0)
    if pd.isna(row.low):
        return plain(row.measured)
    return f"{plain(row.measured)} ({plain(row.low)}{NONE}{plain(row.high)})"


def theirs(
    values: Sequence[PublishedValue], line: Callable[[PublishedValue], str] | None = None
) -> pd.DataFrame:
    """Published values as lines.

    Args:
        values: one quantity on one data set and edition.
        line: names the line of a value; its method unless given.
    """
    means = {normalize(value.method): value.value for value in values}
    return pd.DataFrame(
        [
            {
                "line": line(value) if line else normalize(value.method),
                "label": line(value) if line else value.method,
                "published": value.value,
                "printed": value.printed,
                "confidence": value.confidence,
                "note": value.note,
                "published_vs_l3c_percent": percent_above(value.value, means.get(REFERENCE)),
            }
            for value in values
        ],
        columns=["line", "label", *_THEIRS],
    )


def beside(
    published: pd.DataFrame, ours: pd.DataFrame, order: Callable[[str], int] | None = None
) -> pd.DataFrame:
    """The paper's lines in its order, then those that it lacks, each in every setting.

    Args:
        published: as `theirs` gives them.
        ours: line, label, setting, and what was measured there.
        order: sorts the lines by number instead.

    Returns:
        Columns `line`, `label`, `setting`, those of both; missing values are NaN, no `reason` "".
    """
    own = ours[["line", "label"]].drop_duplicates()
    matched = published.rename(columns={"label": "named"}).merge(own, on="line", how="left")
    matched["label"] = matched.label.fillna(matched.named)
    lines = pd.concat([matched, own[~own.line.isin(published.line)]])[["line", "label", *_THEIRS]]
    if order:
        lines = lines.sort_values("line", key=lambda names: names.map(order))
    settings = pd.DataFrame({"setting": list(dict.fromkeys(ours.setting)) or [NOTHING]})
    has = ours.reindex(columns=["line", "label", "setting", *_OURS])
    grid = lines.merge(settings, how="cross").merge(
        has, on=["line", "label", "setting"], how="left"
    )
    grid = grid.astype(dict.fromkeys(("published", *_NUMBERS, *_RATES), "float64"))
    absent = NOT_A_METHOD if len(ours) and not order else ""
    lacking = ~grid.line.isin(own.line)
    reasons = grid.reason.astype(object).where(~lacking, absent)
    grid["reason"] = reasons.where(reasons.notna(), "")
    grid["external"] = grid.external.eq(True).groupby([grid.line, grid.label]).transform("any")
    return grid


def named(run: Run, published: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The table with a `line` for each method: the published name, or else its key."""
    known = set(published.line)
    names = [
        published_name(key, method, run.published_as, known) or f"{key} (ours)"
        for key, method in zip(table.key, table.method, strict=True)
    ]
    return table.assign(line=names, label=table.method)


def image_rates(run: Run, published: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Rates of the methods of a data set, also of those that were not measured."""
    rows = run.rows[run.rows.dataset == dataset]
    texts = failure_texts(rows)
    records = pd.DataFrame(
        [
            {
                "key": r.key,
                "method": r.method,
                "reason": r.reason or texts.get((dataset, r.key), ""),
            }
            for r in run.records
            if r.dataset == dataset
        ],
        columns=["key", "method", "reason"],
    )
    found = records.merge(rates(measured(rows), ["key"]), on="key", how="left")
    return _rated(run, published, found)


def crop_rates(run: Run, published: pd.DataFrame) -> pd.DataFrame:
    """Rates of the methods that were timed, each crop once."""
    rows = run.timing
    rows = rows[(rows.stage == TOTAL) & (rows.direction == "encode")]
    crops = rows.drop_duplicates(["key", "image"]).assign(cross_entropy_bits=np.nan)
    return _rated(run, published, rates(crops, ["key", "method"]).assign(reason=""))


def _rated(run: Run, published: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """With the differences from L3C, where both networks are the paper's and on all images."""
    means = [
        None if reason or not run.is_papers(key) else mean
        for key, mean, reason in zip(found.key, found.mean_bpsp, found.reason, strict=True)
    ]
    ours = zip(found.key, means, strict=True)
    reference = next((mean for key, mean in ours if run.is_reference(key)), None)
    columns = {"mean_bpsp": "measured", "images": "count", "mean_theory_bpsp": "cross_entropy_bpsp"}
    found = found.rename(columns=columns).assign(
        vs_l3c_percent=pd.Series([percent_above(mean, reference) for mean in means], dtype=float),
        setting=NOTHING,
    )
    return named(run, published, found)


def with_settings(rows: pd.DataFrame, several: bool = False, threads: bool = True) -> pd.DataFrame:
    """The rows sorted by what they were given, with that as their `setting`.

    Args:
        rows: method, device, threads.
        several: models side by side, each with columns of its own.
        threads: whether numbers of threads are told apart.
    """

    def text(row: Any) -> str:
        parts = [row.method if several else "", "GPU" if row.device == "cuda" else "CPU"]
        parts += [counted(row.threads, "thread") if threads else ""]
        return ", ".join(filter(None, parts))

    by = [*(["method"] if several else []), "device", "threads"]
    ordered = rows.sort_values(by, kind="stable")
    # Nothing of no rows: an empty list has no type.
    return ordered.assign(setting=pd.Series(map(text, rows_of(ordered)), ordered.index, "object"))


def times(runs: pd.DataFrame, item: str, value: str = "seconds") -> pd.DataFrame:
    """What was clocked, by line and setting; the settings in the order of the rows."""
    found = repeated(runs, ["line", "label", "setting"], item, value)
    return found.rename(columns={"seconds": "measured"})


def method_times(run: Run, published: pd.DataFrame, rows: pd.DataFrame, item: str) -> pd.DataFrame:
    """Seconds of each method."""
    rows = named(run, published, with_settings(rows))
    found = times(rows, item)
    if "in_process" in rows:
        found["external"] = found.label.isin(rows.label[~rows.in_process.astype(bool)])
    # Settings in their order, methods in that of the run.
    rank = {label: i for i, label in enumerate(dict.fromkeys(run.labels().values()))}
    settings = {setting: i for i, setting in enumerate(dict.fromkeys(rows.setting))}
    by = pd.DataFrame({"s": found.setting.map(settings), "m": found.label.map(rank)})
    return found.loc[by.sort_values(["s", "m"], kind="stable").index]


def stage_times(rows: pd.DataFrame, stages: Sequence[str]) -> pd.DataFrame:
    """Decoding seconds of some stages by scale, "s=0" and so on, and of all scales, "total"."""
    decode = rows[rows.direction == "decode"]
    settings = with_settings(decode, several=decode.key.nunique() > 1)
    chosen = settings[settings.stage.isin(stages)]
    scales = chosen[chosen.scale != ""]
    scales = scales.assign(line="s=" + scales.scale.str.replace("x", "z0").str.removeprefix("z"))
    both = pd.concat([scales, chosen.assign(line="total")])
    by = ["line", "setting", "image", "run"]
    sums = both.groupby(by, sort=False, as_index=False).seconds.sum()
    return times(sums.assign(label=sums.line), "image")


def batch_times(batches: pd.DataFrame, operation: str, side: int) -> pd.DataFrame:
    """Rows of an operation on images of a size, seconds per image, small batches first."""
    rows = batches[(batches.operation == operation) & (batches.side == side)]
    return rows.assign(seconds=rows.seconds / rows.batch).sort_values("batch", kind="stable")
