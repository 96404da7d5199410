"""Check a submitted result: decode its files, compare pixels, recompute rates.

A submission is the folder of a run with one method: `rows.csv`, the streams that its rows name, and
the Python file of the method, with what that file needs beside it. The images are not needed: their
hashes are those of a run that is trusted.

This runs the submission's Python file as if it were yours: it can read, change and send what you
can. Read it first, and check the submissions of strangers in a container without a network.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from l3c.bench.measure.child import ChildError
from l3c.bench.measure.methods import WHOLE, key_of, served
from l3c.bench.run import Run, open_run, read_run
from l3c.bench.schema import failure_texts, rows_of
from l3c.bench.stats import rates
from l3c.cli.exits import Exit
from l3c.cli.options import add_shared
from l3c.cli.process import hushed
from l3c.cli.report import print_json
from l3c.data.images import pixel_sha256
from l3c.messages import counted
from l3c.progress import Progress

_IMAGE = ["dataset", "image"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("folder", metavar="DIR", help="rows.csv, streams, and the method's file")
    parser.add_argument(
        "--against",
        metavar="RUN",
        default="results/reference",
        help="folder of a run on the same images, for the hashes of their pixels; "
        "default results/reference",
    )
    add_shared(parser, "--json", "--quiet")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command; a refused submission is a failure."""
    with hushed(args.quiet or not sys.stderr.isatty()):
        found = _check(read_run(args.folder), open_run(args.against))
    code = Exit.FAILED if found["problems"] else Exit.GOOD
    if args.json:
        about = {"command": "check", "accepted": not found["problems"]}
        print_json(about | found | {"exit_code": int(code)})
        return code
    print("\n".join([*found["problems"], "refused" if found["problems"] else "accepted"]))
    if code == Exit.GOOD:
        for line in found["rates"]:
            told = f"{line['mean_bpsp']:.3f} bpsp, {counted(line['images'], 'image')}"
            together = f"{line['total_bpsp']:.3f} all together"
            print(f"{line['method']} on {line['dataset']}: {told}; {together}")
        print(f"decoded in {found['decode_s']:.1f} s here; speeds of the rows are not checked")
        print(f"code and weights besides the streams: {found['other_bytes']:,} bytes")
    return code


def _check(submitted: Run, trusted: Run) -> dict[str, Any]:
    """Decodes every stream, each in a fresh process, and compares it with rows and hashes.

    Returns:
        `problems`, why it is refused; `rates` of each data set, from the sizes of the streams;
        `decode_s`, all images together; `other_bytes`, of the method's file and of all else that is
        no stream: what a decoder needs besides the streams, code and weights.
    """
    rows, root = submitted.rows, submitted.path.resolve()
    failures = failure_texts(submitted.attempts)
    problems = [f"{key} on {dataset} {text}" for (dataset, key), text in failures.items()]
    files, decode_s = sorted(root.glob("*.py")), 0.0
    if len(files) != 1:
        problems.append(f"{len(files)} Python files; expected one, that of the method")
        return {"problems": problems, "rates": [], "decode_s": decode_s, "other_bytes": 0}
    images = trusted.rows[trusted.rows.dataset.isin(rows.dataset)]
    images = images.drop_duplicates(_IMAGE).set_index(_IMAGE)
    known: dict[Any, Any] = images[["height", "width", "pixel_sha256"]].to_dict("index")
    there = {*zip(rows.dataset, rows.image, strict=True)}
    problems += _unlike(rows, str(files[0]))
    problems += [f"{i} of {d}: missing" for d, i in sorted({*known} - there)]
    strangers = sorted(there - {*known})
    problems += [f"{i} of {d}: no such image in {trusted.path}" for d, i in strangers]
    sizes: dict[Path, int] = {}
    with Progress(len(rows), root.name, "image") as progress:
        for row in rows_of(rows):
            path, where = (root / row.stream).resolve(), f"{row.image} of {row.dataset}"
            if not path.is_relative_to(root) or not path.is_file():
                problems.append(f"{where}: no stream {row.stream} in the folder")
                continue
            sizes[path] = path.stat().st_size
            try:
                with tempfile.TemporaryDirectory(prefix="l3c-check-") as scratch:
                    copy = Path(scratch) / "stream"  # a name that tells nothing
                    shutil.copyfile(path, copy)
                    with served(str(files[0])) as process:
                        decoded, seconds = process.call("decode", copy, 0)
            except ChildError as error:
                problems.append(f"{where}: {error}")
                continue
            decode_s += seconds[WHOLE]
            plain = decoded.dtype == "uint8" and decoded.ndim == 3 and decoded.shape[2] == 3
            expected = {"num_bytes": sizes[path]} | known.get((row.dataset, row.image), {})
            if not plain or pixel_sha256(decoded) != expected.get("pixel_sha256", row.pixel_sha256):
                problems.append(f"{where}: decoded to other pixels than the data set's")
            for column, value in expected.items():
                if getattr(row, column) != value:
                    has = f"rows.csv has {column} {getattr(row, column)}, not {value}"
                    problems.append(f"{where}: {has}")
            progress.update()
    streams = [sizes.get((root / stream).resolve(), 0) for stream in rows.stream]
    of_streams = rates(rows.assign(num_bytes=streams), ["dataset", "method"])
    others = {path.resolve() for path in root.rglob("*") if path.is_file()}
    others -= {*sizes, root / "rows.csv"}
    return {
        "problems": problems,
        "rates": of_streams.to_dict("records"),
        "decode_s": decode_s,
        "other_bytes": sum(path.stat().st_size for path in others),
    }


def _unlike(rows: pd.DataFrame, file: str) -> Iterator[str]:
    """What the method's file says of itself otherwise than the rows."""
    name = Path(file).name
    try:
        with served(file) as process:
            method = process.call("describe") | {"key": key_of(file)}
    except ChildError as error:
        method = {"unavailable": str(error)}
    if method["unavailable"]:
        yield f"{name}: {method['unavailable']}"
        return
    for column in ("key", "method", "settings", "version"):
        for value in sorted({*rows[column]} - {method[column]}):
            yield f"rows.csv has {column} {value!r}, {name} {method[column]!r}"
