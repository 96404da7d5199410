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
    rows, verdict = folder.rows, Verdict()
    verdict.problems += _incomplete(folder, reference)
    files = sorted(folder.path.glob("*.py"))
    if len(files) != 1:
        verdict.problems.append(f"{len(files)} Python files; expected one, that of the method")
        return verdict
    source = MethodSource(method_key(files[0].name), str(files[0]))
    verdict.problems += _unlike(rows, source)
    hashes = reference.rows.set_index(["dataset", "image"]).pixel_sha256.to_dict()
    streams: dict[Path, int] = {}
    with Progress(len(rows), folder.path.name, "image") as progress:
        for row in rows_of(rows):
            path = (folder.path / row.stream).resolve()
            where = f"{row.image} of {row.dataset}"
            if not path.is_relative_to(folder.path.resolve()) or not path.is_file():
                verdict.problems.append(f"{where}: no stream {row.stream} in the folder")
                continue
            streams[path] = path.stat().st_size
            expected = hashes.get((row.dataset, row.image))
            try:
                problems, seconds = _decode(source, path, row, expected)
                verdict.decode_s += seconds
            except ChildError as error:
                problems = [str(error)]
            verdict.problems += [f"{where}: {problem}" for problem in problems]
            progress.update()
    sizes = [streams.get((folder.path / stream).resolve(), 0) for stream in rows.stream]
    verdict.rates = rates(rows.assign(num_bytes=sizes), ["dataset", "method"])
    everything = {path.resolve() for path in folder.path.rglob("*") if path.is_file()}
    others = everything - {*streams, (folder.path / _ROWS).resolve()}
    verdict.other_bytes = sum(path.stat().st_size for path in others)
    return verdict


def _incomplete(folder: RunFolder, reference: RunFolder) -> Iterator[str]:
    """Images that are missing, or that the reference does not have."""
    for (dataset, key), text in failure_texts(folder.attempts).items():
        yield f"{key} on {dataset} {text}"
    known, there = (
        {str(d): {*part.image} for d, part in run.rows.groupby("dataset")}
        for run in (reference, folder)
    )
    for dataset, images in there.items():
        if dataset not in known:
            yield f"data set {dataset} is not in {reference.path}, which has {', '.join(known)}"
            continue
        for image in sorted(known[dataset] - images):
            yield f"{image} of {dataset}: missing"
        for image in sorted(images - known[dataset]):
            yield f"{image} of {dataset}: no such image in {reference.path}"


def _unlike(rows: pd.DataFrame, source: MethodSource) -> Iterator[str]:
    """What the method's file says of itself otherwise than the rows."""
    try:
        with source.process() as process:
            method = process.call("describe")
    except ChildError as error:
        method = {"unavailable": str(error)}
    if method["unavailable"]:
        yield f"{Path(source.entry).name}: {method['unavailable']}"
        return
    said: dict[str, Any] = {"key": source.key}
    said |= {name: method[name] for name in ("method", "settings", "version")}
    for column, expected in said.items():
        for value in sorted({*rows[column]} - {expected}):
            yield f"{_ROWS} has {column} {value!r}, {Path(source.entry).name} {expected!r}"


def _decode(
    source: MethodSource, stream: Path, row: Any, expected: str | None
) -> tuple[list[str], float]:
    """Problems of one stream, and the seconds that decoding took.

    The process is a new one, and the file has another name: each stream is decoded by itself.
    """
    with tempfile.TemporaryDirectory(prefix="l3c-check-") as scratch, source.process() as own:
        shutil.copyfile(stream, Path(scratch) / "stream")
        image, seconds = own.call("decode", Path(scratch) / "stream", 0)
    problems = []
    size = stream.stat().st_size
    if size != row.num_bytes:
        problems.append(f"{_ROWS} has {row.num_bytes} bytes, the stream {size}")
    if image.shape != (row.height, row.width, 3):
        size_text = f"{row.width} x {row.height}"
        problems.append(f"decoded to an array {image.shape}, {_ROWS} has {size_text} pixels")
    elif expected and (image.dtype != "uint8" or pixel_sha256(image) != expected):
        problems.append("decoded to other pixels than those of the data set")
    if expected and row.pixel_sha256 != expected:
        problems.append(f"{_ROWS} has another hash of the pixels than the data set")
    return problems, seconds
