"""A result that somebody else has measured: its files decoded here, its rows recomputed.

A submission is the folder of a run with one method: `rows.csv`, the streams that its rows name, and
the Python file of the method, with what that file needs beside it. The images are not needed: their
hashes are those of a run that is trusted.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from baselines.registry import method_key
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.methods import MethodSource
from l3c.bench.run import Run
from l3c.bench.schema import failure_texts, rows_of
from l3c.bench.stats import rates
from l3c.data.images import pixel_sha256
from l3c.progress import Progress

_IMAGE = ["dataset", "image"]


@dataclass
class Verdict:
    """What came of checking a submission; it is accepted if there are no problems.

    Attributes:
        problems: why it is refused.
        rates: of each data set, as `l3c.bench.stats.rates`, from the sizes of the streams.
        decode_s: seconds that decoding took here, all images together.
        other_bytes: of the method's file and of all else that is no stream: what a decoder needs
            besides the streams, code and weights.
    """

    problems: list[str] = field(default_factory=list)
    rates: pd.DataFrame = field(default_factory=pd.DataFrame)
    decode_s: float = 0.0
    other_bytes: int = 0


def check_submission(folder: Run, reference: Run) -> Verdict:
    """Decodes every stream, each in a fresh process, and compares it with rows and reference.

    This runs the method's file, with all that this process may do.

    Args:
        folder: of the submission.
        reference: a run of any methods on the same images, whose hashes are right.
    """
    rows, root, found = folder.rows, folder.path.resolve(), Verdict()
    found.problems += [f"{k} on {d} {t}" for (d, k), t in failure_texts(folder.attempts).items()]
    files = sorted(root.glob("*.py"))
    if len(files) != 1:
        found.problems.append(f"{len(files)} Python files; expected one, that of the method")
        return found
    source = MethodSource(method_key(files[0].name), str(files[0]))
    hashes = reference.rows.drop_duplicates(_IMAGE).set_index(_IMAGE).pixel_sha256.to_dict()
    known: set[Any] = {*hashes}
    there: set[Any] = {*zip(rows.dataset, rows.image, strict=True)}
    missing = sorted({each for each in known if each[0] in {*rows.dataset}} - there)
    found.problems += _unlike(rows, source)
    found.problems += [f"{image} of {dataset}: missing" for dataset, image in missing]
    for dataset, image in sorted(there - known):
        found.problems.append(f"{image} of {dataset}: no such image in {reference.path}")
    sizes: dict[Path, int] = {}
    with Progress(len(rows), folder.path.name, "image") as progress:
        for row in rows_of(rows):
            path, where = (root / row.stream).resolve(), f"{row.image} of {row.dataset}"
            if not path.is_relative_to(root) or not path.is_file():
                found.problems.append(f"{where}: no stream {row.stream} in the folder")
                continue
            sizes[path] = path.stat().st_size
            try:
                with tempfile.TemporaryDirectory(prefix="l3c-check-") as scratch:
                    copy = Path(scratch) / "stream"  # a name that tells nothing
                    shutil.copyfile(path, copy)
                    with source.process() as process:
                        decoded, seconds = process.call("decode", copy, 0)
            except ChildError as error:
                found.problems.append(f"{where}: {error}")
                continue
            found.decode_s += seconds
            plain = decoded.dtype == "uint8" and decoded.ndim == 3 and decoded.shape[2] == 3
            sha256 = pixel_sha256(decoded) if plain else ""
            expected = hashes.get((row.dataset, row.image), row.pixel_sha256)
            if sha256 != expected:
                found.problems.append(f"{where}: decoded to other pixels than the data set's")
            for column, value in (("num_bytes", sizes[path]), ("pixel_sha256", expected)):
                if getattr(row, column) != value:
                    has = f"rows.csv has {column} {getattr(row, column)}, not {value}"
                    found.problems.append(f"{where}: {has}")
            progress.update()
    streams = [sizes.get((root / stream).resolve(), 0) for stream in rows.stream]
    found.rates = rates(rows.assign(num_bytes=streams), ["dataset", "method"])
    others = {path.resolve() for path in root.rglob("*") if path.is_file()}
    others -= {*sizes, root / "rows.csv"}
    found.other_bytes = sum(path.stat().st_size for path in others)
    return found


def _unlike(rows: pd.DataFrame, source: MethodSource) -> Iterator[str]:
    """What the method's file says of itself otherwise than the rows."""
    name = Path(source.entry).name
    try:
        with source.process() as process:
            method = process.call("describe") | {"key": source.key}
    except ChildError as error:
        method = {"unavailable": str(error)}
    if method["unavailable"]:
        yield f"{name}: {method['unavailable']}"
        return
    for column in ("key", "method", "settings", "version"):
        for value in sorted({*rows[column]} - {method[column]}):
            yield f"rows.csv has {column} {value!r}, {name} {method[column]!r}"
