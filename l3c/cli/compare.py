"""Compare the results of two or more runs, and list what was changed between them.

Sizes and times are compared with those of the first run, over the images that both measured, with
95 % intervals.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from textwrap import shorten
from typing import Any

import pandas as pd

from l3c.bench.checks import failure_texts
from l3c.bench.compare import Comparison, compare
from l3c.bench.measure.other_load import noise_note
from l3c.bench.measure.provenance import SHORT
from l3c.bench.run_folder import RunFolder
from l3c.bench.schema import failed, rows_of
from l3c.cli.exits import Exit
from l3c.cli.options import add_shared
from l3c.cli.report import print_json
from l3c.messages import aligned, counted, listed

_SETTINGS = 64  # characters of settings that only some runs have
_HEADS = {"bpsp": "bpsp", "encode_s": "encode ms", "decode_s": "decode ms"}
_FAILURE = ["dataset", "key", "image", "reason"]
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("first", metavar="A", help="folder of a run's results, with rows.csv")
    parser.add_argument("others", metavar="B", nargs="+", help="folders to be compared with it")
    add_shared(parser, "--json")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command; files of unequal size where they must be equal are a failure."""
    runs = {chr(ord("A") + i): RunFolder(path) for i, path in enumerate([args.first, *args.others])}
    for folder in args.others:
        if runs["A"].path.samefile(folder):
            print(f"l3c: {args.first} and {folder} are the same folder", file=sys.stderr)
    found = compare([*runs.values()])
    code = Exit.FAILED if found.alarms else Exit.GOOD
    if args.json:
        print_json(_content(runs, found, code))
    else:
        print("\n".join(_lines(runs, found)))
    return code


def _lines(runs: dict[str, RunFolder], found: Comparison) -> Iterator[str]:
    for name, folder in runs.items():
        origin = folder.provenance.short_id if folder.provenance else "without provenance.json"
        machine = " | ".join(dict.fromkeys(folder.rows.hardware))
        yield f"{name}: {folder.path} ({origin}), {machine}"
    for alarm in found.alarms:
        yield f"ALARM: {alarm}"
    for (other, dataset), lines in found.differences.groupby(["run", "dataset"], sort=False):
        shared = int(lines["count"][lines.of == "image"].max())
        yield from ("", f"{dataset}: {counted(shared, 'image')} in A and {other}")
        yield from _tables(lines, str(other))
    yield ""
    for (what, having), names in found.partial.groupby(["what", "runs"], sort=False).name:
        yield f"{what} in {having}: {listed(names.tolist())}"
    for name, folder in runs.items():
        for (dataset, key), text in failure_texts(folder.attempts).items():
            yield f"in {name}: {key} on {dataset} {text}"
        if noisy := noise_note(folder.rows, folder.timing):
            yield f"in {name}: {noisy}"
    if "machine" in set(found.changes.section):
        yield "runs were measured on different machines or threads: speeds depend on both"
    yield ""
    yield "changed between the runs" if len(found.changes) else "nothing that is known was changed"
    for section, lines in found.changes.groupby("section", sort=False):
        yield f"  {section}"
        for line in lines.itertuples(index=False):
            yield f"    {line.what}: {' -> '.join(map(_short, line[2:]))}"
    for name, sections in found.unknown.items():
        yield f"  not compared, since {runs[name].path} does not state: {', '.join(sections)}"


def _tables(lines: pd.DataFrame, name: str) -> Iterator[str]:
    """A table for each quantity, below each other, with one width of columns."""
    rows: list[tuple[str, str, str, str]] = []
    heads = {}
    for quantity, part in lines.groupby("quantity", sort=False):
        heads[len(rows)] = _HEADS.get(str(quantity), f"{quantity}, ms per crop")
        rows.append((heads[len(rows)], "A", name, f"{name} is"))
        shown = "{:.3f}".format if quantity == "bpsp" else _milliseconds
        rows += [(row.method, shown(row.a), shown(row.b), row.verdict) for row in rows_of(part)]
    for i, text in enumerate(aligned(rows, right=(1, 2))):
        yield from [""] * (i in heads)
        yield f"  {text}"
    percents = lines.percent[lines.control & (lines.quantity != "bpsp")]
    if percents.any():
        moved = f"{percents.min():+.1f} to {percents.max():+.1f} %"
        yield from ("", f"  times of codecs that were not changed moved by {moved}")


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f}" if seconds >= 0.1 else f"{1000 * seconds:.3g}"


def _short(value: str | None) -> str:
    if not isinstance(value, str):
        return "none" if value is None else "?"  # not stated
    if value.startswith("{"):
        return shorten(value, _SETTINGS, placeholder=" ...")
    return value[:SHORT] if _HASH.fullmatch(value) else value


def _content(runs: dict[str, RunFolder], found: Comparison, code: Exit) -> dict[str, Any]:
    tables = {
        name: json.loads(table.to_json(orient="records", double_precision=15))  # NaN is null
        for name, table in vars(found).items()
        if isinstance(table, pd.DataFrame)
    }
    folders = {
        name: {
            "folder": str(folder.path),
            "rows": len(folder.rows),
            "failed": failed(folder.attempts)[_FAILURE].to_dict("records"),
            "provenance": folder.provenance.stamp if folder.provenance else None,
            "hardware": list(folder.rows.hardware.unique()),
        }
        for name, folder in runs.items()
    }
    return {"command": "compare", "runs": folders, **vars(found), **tables, "exit_code": int(code)}
