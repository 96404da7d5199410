"""Compare the results of runs, and list what was changed between them.

The runs may be of several machines. Sizes and times are compared over the images that they share,
with 95 % intervals. Files of the same model or codec and settings must be equal in size everywhere.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from l3c.bench.compare import Comparison, NothingSharedError, compare, named
from l3c.bench.measure.machine import noise_note
from l3c.bench.measure.provenance import SHORT
from l3c.bench.run import Run, read_run
from l3c.bench.schema import failed, failure_texts
from l3c.cli.exits import Exit, UsageError
from l3c.cli.options import add_shared
from l3c.cli.report import print_json
from l3c.messages import aligned, counted, listed

_HEADS = {"bpsp": ("bpsp", 1), "encode_s": ("encode ms", 1000), "decode_s": ("decode ms", 1000)}
_FAILURE = ["dataset", "key", "image", "reason"]
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="folder of results, with rows.csv")
    parser.add_argument("--site", metavar="FOLDER", help="also write pages of all runs, or of one")
    add_shared(parser, "--json")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command; files of unequal size where they must be equal are a failure.

    Pages are written even of runs that share nothing: a method and the results it stands beside.
    """
    if len({Path(path).resolve() for path in args.runs}) < (1 if args.site else 2):
        raise UsageError("name the folders of two runs or more (one is enough for --site)")
    runs = [read_run(path) for path in args.runs]
    if args.site:
        from l3c.bench.site import write_site

        write_site(runs, Path(args.site))
    try:
        found = compare(runs)
    except NothingSharedError:
        if not args.site:
            raise
        return Exit.GOOD
    code = Exit.FAILED if found.alarms else Exit.GOOD
    if args.json:
        print_json(_content(named(runs), found, code))
    else:
        print("\n".join(_lines(named(runs), found)))
    return code


def _lines(runs: dict[str, Run], found: Comparison) -> Iterator[str]:
    machines = {name: " | ".join(folder.rows.hardware.unique()) for name, folder in runs.items()}
    for name, folder in runs.items():
        origin = folder.provenance.short_id if folder.provenance else "without provenance.json"
        yield f"{name}: {folder.path} ({origin}), {machines[name]}"
    yield from (f"ALARM: {alarm}" for alarm in found.alarms)
    for dataset, lines in found.differences.groupby("dataset", sort=False):
        shared = int(lines["count"][lines.of == "image"].max())
        yield from ("", f"{dataset}: {counted(shared, 'image')} in all")
        yield from _tables(lines, [*runs])
    if len({*machines.values()}) > 1:
        yield from ("", f"times are of different machines: {'; '.join(machines.values())}")
    yield ""
    for (what, having), names in found.partial.groupby(["what", "runs"], sort=False).name:
        yield f"{what} only in {having}: {listed(names.tolist())}"
    for name, folder in runs.items():
        for (dataset, key), text in failure_texts(folder.attempts).items():
            yield f"in {name}: {key} on {dataset} {text}"
        if noisy := noise_note(folder.rows, folder.timing):
            yield f"in {name}: {noisy}"
    yield "changed between the runs" if len(found.changes) else "nothing that is known was changed"
    for what, *values in found.changes.itertuples(index=False):
        texts = ["none" if v is None else v[:SHORT] if _HASH.fullmatch(v) else v for v in values]
        yield f"  {what}: {' -> '.join(texts)}"


def _tables(lines: pd.DataFrame, runs: list[str]) -> Iterator[str]:
    """A table for each quantity."""
    for quantity, part in lines.groupby("quantity", sort=False):
        head, factor = _HEADS.get(str(quantity), (f"{quantity}, ms per crop", 1000))
        rows = [[head, *runs, *(f"{run} is" for run in runs[1:])]]
        for method, others in part.groupby("method", sort=False):
            by_run = others.set_index("run").reindex(runs)
            means = factor * by_run.b.fillna({others["first"].iloc[0]: others.a.iloc[0]})
            cells = means.map("{:.4g}".format).where(means.notna(), "-")
            rows.append([str(method), *cells, *by_run.verdict.fillna("-")[1:]])
        yield from ("", *(f"  {line}" for line in aligned(rows, right=range(1, 1 + len(runs)))))
    percents = lines.percent[lines.control]
    if percents.any():
        moved = f"{percents.min():+.1f} to {percents.max():+.1f} %"
        yield from ("", f"  times of codecs that were not changed moved by {moved}")


def _content(runs: dict[str, Run], found: Comparison, code: Exit) -> dict[str, Any]:
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
