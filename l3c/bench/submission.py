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
from l3c.bench.checks import failure_texts
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.methods import MethodSource
from l3c.bench.run_folder import RunFolder
from l3c.bench.schema import rows_of
from l3c.bench.stats import rates
from l3c.data.images import pixel_sha256
from l3c.progress import Progress

_ROWS = "rows.csv"
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


def check_submission(folder: RunFolder, reference: RunFolder) -> Verdict:
    """Decodes every stream, each in a fresh process, and compares it with rows and reference.

    This runs the method's file, with all that this process may do.

    Args:
        folder: of the submission.
        reference: a run of any methods on the same images, whose hashes are right.

    Raises:
        RunFolderError, RowError: a folder has no rows, or its rows contradict each other.
    """
    rows, verdict, root = folder.rows, Verdict(), folder.path.resolve()
    verdict.problems += [f"{k} on {d} {t}" for (d, k), t in failure_texts(folder.attempts).items()]
    files = sorted(root.glob("*.py"))
    if len(files) != 1:
        verdict.problems.append(f"{len(files)} Python files; expected one, that of the method")
        return verdict
    source = MethodSource(method_key(files[0].name), str(files[0]))
    hashes = reference.rows.drop_duplicates(_IMAGE).set_index(_IMAGE).pixel_sha256.to_dict()
    verdict.problems += [*_unlike(rows, source), *_others(rows, set(hashes), reference)]
    sizes: dict[Path, int] = {}
    with Progress(len(rows), folder.path.name, "image") as progress:
        for row in rows_of(rows):
            path, where = (root / row.stream).resolve(), f"{row.image} of {row.dataset}"
            if not path.is_relative_to(root) or not path.is_file():
                verdict.problems.append(f"{where}: no stream {row.stream} in the folder")
                continue
            sizes[path] = path.stat().st_size
            try:
                image, seconds = _decoded(source, path)
            except ChildError as error:
                verdict.problems.append(f"{where}: {error}")
                continue
            verdict.decode_s += seconds
            plain = image.dtype == "uint8" and image.ndim == 3 and image.shape[2] == 3
            found: dict[str, Any] = {
                "num_bytes": sizes[path],
                "pixel_sha256": pixel_sha256(image) if plain else "",
            }
            expected = hashes.get((row.dataset, row.image), row.pixel_sha256)
            if found["pixel_sha256"] != expected:
                problem = "decoded to other pixels than those of the data set"
                verdict.problems.append(f"{where}: {problem}")
                found["pixel_sha256"] = expected
            verdict.problems += [
                f"{where}: {_ROWS} has {column} {getattr(row, column)}, not {value}"
                for column, value in found.items()
                if getattr(row, column) != value
            ]
            progress.update()
    streams = [sizes.get((root / stream).resolve(), 0) for stream in rows.stream]
    verdict.rates = rates(rows.assign(num_bytes=streams), ["dataset", "method"])
    others = {path.resolve() for path in root.rglob("*") if path.is_file()} - {*sizes, root / _ROWS}
    verdict.other_bytes = sum(path.stat().st_size for path in others)
    return verdict


def _others(rows: pd.DataFrame, known: set[Any], reference: RunFolder) -> Iterator[str]:
    """Images that are missing, or that the reference does not have."""
    there = {*zip(rows.dataset, rows.image, strict=True)}
    wanted = {(dataset, image) for dataset, image in known if dataset in {*rows.dataset}}
    yield from (f"{image} of {dataset}: missing" for dataset, image in sorted(wanted - there))
    for dataset, image in sorted(there - known):
        yield f"{image} of {dataset}: no such image in {reference.path}"


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
            yield f"{_ROWS} has {column} {value!r}, {name} {method[column]!r}"


def _decoded(source: MethodSource, stream: Path) -> tuple[Any, float]:
    """The array that a stream decodes to by itself, in a new process, and the seconds it took."""
    with tempfile.TemporaryDirectory(prefix="l3c-check-") as scratch, source.process() as own:
        shutil.copyfile(stream, Path(scratch) / "stream")  # whose name tells nothing
        image, seconds = own.call("decode", Path(scratch) / "stream", 0)
    return image, seconds
