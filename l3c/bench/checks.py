"""Rows checked against each other, and failures in words."""

from __future__ import annotations

import pandas as pd

from l3c.bench.schema import TOTAL, ResultRow, Row, RowError, TimingRow, failed, measured

SLACK_S = 1e-6  # phases may exceed their total by so much: sums of rounded numbers
NAMED_FAILURES = 5  # of a method on a data set, where a text names them


def check(table: pd.DataFrame, kind: type[Row]) -> None:
    """Checks rows of a kind against each other.

    Raises:
        RowError: for a repeated row; for results that are lossy, of other pixels than another
            method saw, or of two methods with one label; for stages without a total or longer.
    """
    rows = measured(table)
    _refuse(rows[rows.duplicated([*kind.KEY])], kind, "is there twice; delete it in the run")
    if kind is ResultRow:
        _refuse(rows[~rows.lossless.astype(bool)], kind, "is marked as not lossless")
        pixels = rows.groupby(["dataset", "image"]).pixel_sha256.transform("first")
        _refuse(rows[rows.pixel_sha256 != pixels], kind, "other pixels than another method saw")
        keys = rows.groupby("method").key.transform("first")
        _refuse(rows[rows.key != keys], kind, "another method has the same label")
    if kind is TimingRow:
        run = [name for name in kind.KEY if name not in ("stage", "scale")]
        stages = rows[rows.stage != TOTAL].groupby(run, as_index=False).seconds.sum()
        totals = rows.loc[rows.stage == TOTAL, [*run, "seconds"]]
        both = stages.merge(totals, on=run, how="left", suffixes=("", "_total"))
        _refuse(both[both.seconds_total.isna()], kind, "stages without a total")
        _refuse(both[both.seconds > both.seconds_total + SLACK_S], kind, "stages exceed the total")


def _refuse(rows: pd.DataFrame, kind: type[Row], why: str) -> None:
    if len(rows):
        first = rows.iloc[0]
        named = ", ".join(f"{name} {first[name]}" for name in kind.KEY if name in rows)
        raise RowError(f"{named}: {why}")


def failure_text(table: pd.DataFrame, what: str = "image") -> str:
    """On which of its images a method failed, and why; "" if on none.

    Args:
        table: rows of one method on one data set, failures among them.
        what: they are.
    """
    rows, total = failed(table), len(table)
    if rows.empty:
        return ""
    first = rows.head(NAMED_FAILURES)
    named = "; ".join(
        f"{image}: {why}" for image, why in zip(first.image, first.reason, strict=True)
    )
    more = len(rows) - len(first)
    rest = f"; and {more} more in rows.csv" if more else ""
    return f"failed on {len(rows)} of {total} {what}{'' if total == 1 else 's'}: {named}{rest}"


def failure_texts(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Data set and key of each method that failed -> on which images, and why."""
    groups = table.groupby(["dataset", "key"], sort=False)
    texts = {(str(of[0]), str(of[1])): failure_text(rows) for of, rows in groups}
    return {of: text for of, text in texts.items() if text}
