"""What `l3c bench` found, as tables, CSV or JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from l3c.bench.checks import failure_text
from l3c.bench.measure.other_load import noise_note
from l3c.bench.schema import MethodRecord, failed, measured, rows_of
from l3c.bench.stats import rates, speeds
from l3c.cli.report import print_json
from l3c.messages import aligned

_REFERENCE = "png"
_HEAD = ["method", "bpsp", "of PNG", "encode s", "decode s", "lossless"]
_COLUMNS = [
    *("image", "key", "method", "height", "width", "num_bytes", "bpsp"),
    *("encode_s", "decode_s", "other_load", "lossless", "threads", "version", "reason"),
]


@dataclass(frozen=True)
class Bench:
    """All measurements of a folder.

    Attributes:
        folder: as the user names it.
        rows: one for each image and method, failures among them.
        records: one for each method, also of those without rows.
        left: images left out -> why.
    """

    folder: str
    rows: pd.DataFrame
    records: Sequence[MethodRecord]
    left: dict[str, str]

    def methods(self) -> pd.DataFrame:
        """A line for each method, the smallest files first, those without any last.

        Returns:
            The totals of `l3c.bench.stats` with the size relative to PNG's as `of_png`: NaN if one
            of the two failed on an image; and where and why the method failed as `reason`.
        """
        rows, failing = measured(self.rows), set(failed(self.rows).key)
        totals = rates(rows, ["key"]).merge(speeds(rows, ["key"]), on="key")
        table = pd.DataFrame([record.model_dump() for record in self.records])
        table = table.merge(totals, on="key", how="left").set_index("key", drop=False)
        whole = table.total_bpsp.where(~table.key.isin(failing))
        table["of_png"] = whole / whole.get(_REFERENCE, float("nan"))
        for key in failing:
            table.loc[key, "reason"] = failure_text(self.rows[self.rows.key == key])
        table["lossless"] = (table.reason == "").where(table.measured)
        return table.sort_values("total_bpsp", kind="stable")

    def cells(self) -> pd.DataFrame:
        """The rows, those of failures last."""
        rows = self.rows.sort_values("reason", key=lambda text: text != "", kind="stable")
        rows = rows[_COLUMNS].astype({"lossless": "boolean"}).fillna({"lossless": False})
        rows.insert(0, "folder", self.folder)
        return rows

    def notes(self) -> Iterator[str]:
        """Lines below the results."""
        if noisy := noise_note(self.rows):
            yield noisy
        yield from (f"left out {image}: {reason}" for image, reason in self.left.items())


def print_benches(benches: Sequence[Bench], form: Literal["table", "csv", "json"]) -> None:
    """Prints the results; CSV has one row for each image and method."""
    cells = pd.concat([bench.cells() for bench in benches])
    if form == "json":
        print_json(_content(benches, cells))
    elif form == "csv":
        cells.to_csv(sys.stdout, index=False, lineterminator="\n")
        for bench in benches:
            lacking = [record for record in bench.records if record.reason]
            lines = [f"{record.method} is not measured: {record.reason}" for record in lacking]
            for line in [*lines, *bench.notes()]:
                print(line, file=sys.stderr)
    else:
        print("\n\n".join("\n".join(_lines(bench, len(benches) > 1)) for bench in benches))


def _lines(bench: Bench, titled: bool) -> Iterator[str]:
    if titled:
        yield f"{bench.folder}:"
    rows = [_HEAD]
    for method in rows_of(bench.methods()):
        numbers = [
            (method.total_bpsp, f"{method.total_bpsp:.3f}"),
            (method.of_png, f"{100 * method.of_png:.1f} %"),
            (method.encode_s, f"{method.encode_s:.4f}"),
            (method.decode_s, f"{method.decode_s:.4f}"),
        ]
        verdict = f"NO: {method.reason}" if method.measured else f"not measured: {method.reason}"
        cells = [text if number == number else "-" for number, text in numbers]
        rows.append([method.method, *cells, verdict if method.reason else "yes"])
    yield from aligned(rows, right=range(1, 5))
    yield f"images: {bench.rows.image.nunique()}; seconds are means per image"
    yield from bench.notes()


def _content(benches: Sequence[Bench], cells: pd.DataFrame) -> dict[str, Any]:
    methods = pd.concat([bench.methods().assign(folder=bench.folder) for bench in benches])
    return {
        "command": "bench",
        "folders": [bench.folder for bench in benches],
        "methods": _records(methods.drop(columns=["dataset", "measured"])),
        "rows": _records(cells),
        "not_quiet": noise_note(pd.concat([bench.rows for bench in benches])),
        "left_out": [
            {"folder": bench.folder, "image": image, "reason": reason}
            for bench in benches
            for image, reason in bench.left.items()
        ],
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table for JSON, None for what is missing."""
    rows = table.convert_dtypes().astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): cell for name, cell in row.items()} for row in rows]
