"""What `l3c bench` found, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from l3c.bench.checks import failure_text
from l3c.bench.measure.other_load import noise_note
from l3c.bench.schema import FailedRow, MethodRecord, ResultRow, frame
from l3c.bench.stats import rates, speeds
from l3c.cli.report import print_json

_REFERENCE = "png"
_LINE = "{:<18} {:>8} {:>9} {:>11} {:>11}  {}"
_COLUMNS = (
    *("image", "key", "method", "height", "width", "num_bytes", "bpsp"),
    *("encode_s", "decode_s", "other_load", "lossless", "threads", "version", "reason"),
)


@dataclass(frozen=True)
class Left:
    """An image that was not measured, and why."""

    image: str
    reason: str


@dataclass
class Result:
    """All measurements of a folder.

    Attributes:
        left: images left out.
        rows: one for each image and method.
        failed: where a method failed on an image, instead of a row.
        records: one for each method, also of those without rows.
    """

    folder: Path
    left: list[Left]
    rows: list[ResultRow]
    failed: list[FailedRow]
    records: list[MethodRecord]

    def methods(self) -> Iterator[tuple[MethodRecord, dict[str, Any] | None]]:
        """Each method and its totals, the smallest files first, those without any last.

        Totals are those of `l3c.bench.stats`, with the size relative to PNG's as `of_png`: None
        where one of them was not measured on all images.
        """
        rows = frame(self.rows, ResultRow)
        table = rates(rows, ["key"]).merge(speeds(rows, ["key"]), on="key").set_index("key")
        failed = {row.key for row in self.failed}
        reference = None if _REFERENCE in failed else table.total_bpsp.get(_REFERENCE)
        table["of_png"] = table.total_bpsp.where(~table.index.isin(failed)) / (
            reference or math.nan
        )
        table = table.sort_values("total_bpsp", kind="stable")
        found = table.to_dict("index")
        ranks = {key: rank for rank, key in enumerate(found)}
        for record in sorted(self.records, key=lambda record: ranks.get(record.key, len(ranks))):
            totals = found.get(record.key, {}).items()
            yield record, {str(name): None if v != v else v for name, v in totals} or None

    def failures(self, key: str) -> str:
        """On which images a method failed, and why; "" if on none."""
        rows = frame([*self.rows, *self.failed], ResultRow)
        return failure_text(rows[rows.key == key])


def print_results(results: Sequence[Result], form: str) -> None:
    """Prints them: form is "table", "csv" (one row for each image and method) or "json"."""
    if form == "json":
        print_json(_fields(results))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("folder", *_COLUMNS))
        for result in results:
            writer.writerows(cells.values() for cells in _cells(result))
            for record in result.records:
                if record.reason:
                    print(f"{record.method} is not measured: {record.reason}", file=sys.stderr)
            _print_notes(result, sys.stderr)
    else:
        for number, result in enumerate(results):
            if len(results) > 1:
                print("\n" * bool(number) + f"{result.folder}:")
            _print_table(result)


def _print_table(result: Result) -> None:
    print(_LINE.format("method", "bpsp", "of PNG", "encode s", "decode s", "lossless"))
    for record, total in result.methods():
        print(_line(result, record, total))
    images = {row.image for row in result.rows} | {row.image for row in result.failed}
    print(f"images: {len(images)}; seconds are means per image")
    _print_notes(result, sys.stdout)


def _line(result: Result, record: MethodRecord, total: dict[str, Any] | None) -> str:
    failures = f"NO: {failures}" if (failures := result.failures(record.key)) else ""
    if total is None:
        why = failures or f"not measured: {record.reason}"
        return _LINE.format(record.method, "-", "-", "-", "-", why)
    ratio = total["of_png"]
    return _LINE.format(
        record.method,
        f"{total['total_bpsp']:.3f}",
        "-" if ratio is None else f"{100 * ratio:.1f} %",
        f"{total['encode_s']:.4f}",
        f"{total['decode_s']:.4f}",
        failures or "yes",
    )


def _cells(result: Result) -> Iterator[dict[str, Any]]:
    """Each row by column, then the failures, of which most columns are None."""
    folder = {"folder": str(result.folder)}
    for row in result.rows:
        yield folder | {column: getattr(row, column) for column in _COLUMNS}
    for failure in result.failed:
        cells = {column: getattr(failure, column, None) for column in _COLUMNS}
        yield folder | cells | {"lossless": False}


def _print_notes(result: Result, file: Any) -> None:
    if noisy := noise_note(frame(result.rows, ResultRow)):
        print(noisy, file=file)
    for item in result.left:
        print(f"left out {item.image}: {item.reason}", file=file)


def _fields(results: Sequence[Result]) -> dict[str, Any]:
    return {
        "command": "bench",
        "folders": [str(result.folder) for result in results],
        "methods": [method for result in results for method in _methods(result)],
        "rows": [cells for result in results for cells in _cells(result)],
        "not_quiet": noise_note(
            frame([row for result in results for row in result.rows], ResultRow)
        ),
        "left_out": [
            {"folder": str(result.folder), **asdict(item)}
            for result in results
            for item in result.left
        ],
    }


def _methods(result: Result) -> Iterator[dict[str, Any]]:
    for record, total in result.methods():
        fields: dict[str, Any] = {"folder": str(result.folder)}
        fields |= {"key": record.key, "method": record.method}
        fields |= {"version": record.version, "settings": record.settings}
        if total is not None:
            fields |= total
        reason = result.failures(record.key) or record.reason
        yield fields | {"lossless": not reason if record.measured else None, "reason": reason}
