"""Rows checked against each other, and failures in words."""

from __future__ import annotations

import pandas as pd

from l3c.bench.schema import (
    TOTAL,
    ResultRow,
    Row,
    RowError,
    TimingRow,
    bits_per_subpixel,
    failed,
    measured,
)

SLACK_S = 1e-6  # phases may exceed their total by so much: sums of rounded numbers
NAMED_FAILURES = 5  # of a method on a data set, where a text names them


def check(table: pd.DataFrame, kind: type[Row]) -> None:
    """Checks rows of a kind against each other.

    Raises:
        RowError: for a repeated row; for results that are lossy, of other pixels than another
            method saw, or of two methods with one label; for phases without a total or longer.
    """
    rows = measured(table)
    problems = [(rows[rows.duplicated([*kind.KEY])], "is there twice; delete it in the run")]
    if kind is ResultRow:
        pixels = rows.groupby(["dataset", "image"]).pixel_sha256.transform("first")
        keys = rows.groupby("method").key.transform("first")
        bpsp = bits_per_subpixel(8 * rows.num_bytes, rows.height, rows.width)
        problems += [
            (rows[~rows.lossless.astype(bool)], "is marked as not lossless"),
            (rows[rows.pixel_sha256 != pixels], "other pixels than another method saw"),
            (rows[rows.key != keys], "another method has the same label"),
            (rows[(rows.bpsp / bpsp - 1).abs() > 1e-9], "bpsp does not fit num_bytes and size"),
        ]
    if kind is TimingRow:
        run = [name for name in kind.KEY if name not in ("phase", "scale")]
        phases = rows[rows.phase != TOTAL].groupby(run, as_index=False).seconds.sum()
        totals = rows.loc[rows.phase == TOTAL, [*run, "seconds"]]
        both = phases.merge(totals, on=run, how="left", suffixes=("", "_total"))
        longer = both[both.seconds > both.seconds_total + SLACK_S]
        problems.append((both[both.seconds_total.isna()], "phases without a total"))
        problems.append((longer, "phases exceed the total"))
    for bad, why in problems:
        if len(bad):
            first = bad.iloc[0]
            named = ", ".join(f"{name} {first[name]}" for name in kind.KEY if name in bad)
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
    named = [f"{row.image}: {row.reason}" for row in rows.head(NAMED_FAILURES).itertuples()]
    more = [f"and {len(rows) - len(named)} more in rows.csv"] if len(rows) > len(named) else []
    of = f"failed on {len(rows)} of {total} {what}{'' if total == 1 else 's'}"
    return f"{of}: {'; '.join([*named, *more])}"


def failure_texts(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Data set and key of each method that failed -> on which images, and why."""
    groups = table.groupby(["dataset", "key"], sort=False)
    texts = {(str(of[0]), str(of[1])): failure_text(rows) for of, rows in groups}
    return {of: text for of, text in texts.items() if text}
