"""What `l3c bench` found, as tables or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
    *("folder", "image", "key", "method", "height", "width", "num_bytes", "bpsp"),
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
        records = [record.model_dump() for record in self.records]
        table = pd.DataFrame(records, columns=[*MethodRecord.model_fields])
        table = table.merge(totals, on="key", how="left").set_index("key", drop=False)
        whole = table.total_bpsp.where(~table.key.isin(failing))
        table["of_png"] = whole / whole.get(_REFERENCE, float("nan"))
        for key in failing:
            table.loc[key, "reason"] = failure_text(self.rows[self.rows.key == key])
        table["lossless"] = (table.reason == "").where(table.measured)
        return table.sort_values("total_bpsp", kind="stable")

    def notes(self) -> Iterator[str]:
        """Lines below the results."""
        if noisy := noise_note(self.rows):
            yield noisy
        yield from (f"left out {image}: {reason}" for image, reason in self.left.items())


def print_benches(benches: Sequence[Bench], *, as_json: bool) -> None:
    """Prints the results, as a table for each folder or as JSON with the rows too."""
    if as_json:
        print_json(_content(benches))
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


def _content(benches: Sequence[Bench]) -> dict[str, Any]:
    methods = pd.concat([bench.methods().assign(folder=bench.folder) for bench in benches])
    rows = pd.concat([bench.rows.assign(folder=bench.folder) for bench in benches])
    return {
        "command": "bench",
        "folders": [bench.folder for bench in benches],
        "methods": _records(methods.drop(columns=["dataset", "measured"])),
        "rows": _records(rows[_COLUMNS].fillna({"lossless": False})),
        "not_quiet": noise_note(rows),
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
