"""Compare all methods on the RGB images of folders.

Each file is decoded in a fresh process and compared with the image. Images that are not plain 8-bit
RGB are left out and listed. The learned model runs on the CPU.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from baselines.registry import METHODS, UnknownMethodError, get_method, method_key
from l3c.bench.checks import failure_text
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.files import Measurement, measure
from l3c.bench.measure.methods import MethodSource
from l3c.bench.measure.other_load import noise_note
from l3c.bench.measure.provenance import cores
from l3c.bench.schema import (
    MethodRecord,
    ResultRow,
    Row,
    failed,
    frame,
    measured,
    rows_of,
    write,
)
from l3c.bench.stats import rates, speeds
from l3c.cli import bench_lossy
from l3c.cli.exits import Exit, UsageError
from l3c.cli.options import add_shared, positive
from l3c.cli.process import hushed
from l3c.cli.report import print_json
from l3c.data.sources import Photo, folder_photos
from l3c.fileformat.container import unpack
from l3c.images.picture import PictureError
from l3c.messages import aligned
from l3c.models.zoo import ModelFile, named_model
from l3c.threads import limit_threads
from l3c.tile_coding import Choice, split_payload

LEARNED = {"l3c": Choice.SMALLEST, "l3c_network": Choice.NETWORK}
"""Keys of the learned method among --methods, and what codes a tile: as `l3c encode` writes it, and
the network alone."""
_REFERENCE = "png"
_HEAD = ["method", "bpsp", "of PNG", "encode s", "decode s", "lossless"]
_COLUMNS = [
    *("folder", "image", "key", "method", "height", "width", "num_bytes", "bpsp"),
    *("encode_s", "decode_s", "other_load", "lossless", "by_fallback"),
    *("threads", "version", "reason"),
]


@dataclass(frozen=True)
class Bench:
    """All measurements of a folder.

    Attributes:
        folder: as the user names it.
        rows: one for each image and method, failures among them; `by_fallback` tells whether no
            byte of a learned method's file was made by its network.
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
        for method, rows in self.rows[self.rows.by_fallback].groupby("method", sort=False):
            yield (
                f"{method}: the fallback alone coded {len(rows)} of {self.rows.image.nunique()} "
                "images; the network by itself: --methods l3c_network"
            )
        for row in failed(self.rows).itertuples():
            yield f"{row.method}, {row.image}: {row.reason}"
        if noisy := noise_note(self.rows):
            yield noisy
        yield from (f"left out {image}: {reason}" for image, reason in self.left.items())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "folders",
        nargs="+",
        metavar="FOLDER",
        help="folders of images, each searched with the folders below it; one table for each",
    )
    parser.add_argument(
        "--methods",
        help="keys separated by commas, or Python files that define a method; by default all that "
        "are there. Learned: l3c (as encode writes it), l3c_network (the network alone)",
    )
    parser.add_argument(
        "--model",
        action="append",
        help="learned model: a released name, or a .safetensors file; repeatable",
    )
    parser.add_argument(
        "--lossy",
        action="store_true",
        help="measure rate and distortion of lossy codecs, and of the lossy models that are named "
        "(one method, its operating points in the order of --model)",
    )
    parser.add_argument(
        "--keep",
        metavar="DIR",
        help="a new folder for files, rows.csv, and Python files of methods, for l3c compare and "
        "l3c check; with --lossy, any folder for lossy.csv",
    )
    parser.add_argument("--repeats", type=positive, default=1, help="timed runs; the median counts")
    add_shared(parser, "--json", "--quiet", "--threads")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    threads = args.threads or cores()
    limit_threads(threads)
    with hushed(args.quiet):
        found = {folder: _readable(folder_photos(Path(folder))) for folder in args.folders}
    if args.lossy:
        return bench_lossy.run(args, {folder: photos for folder, (photos, _) in found.items()})
    sources = _sources(args)
    benches = []
    if args.keep:
        Path(args.keep).mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="l3c-bench-") as scratch:
        root = Path(args.keep or scratch)
        for folder, (photos, left) in found.items():
            with hushed(args.quiet or not sys.stderr.isatty()):
                rows, records = _measure(folder, photos, sources, root, threads, args.repeats)
            benches.append(Bench(folder, rows, records, left))
    if args.keep:
        _keep(root, benches, sources)
    if args.json:
        print_json(_content(benches))
    else:
        print("\n\n".join("\n".join(_lines(bench, len(benches) > 1)) for bench in benches))
    # Methods that are not there are no failure, unless they were asked for.
    lacking = {record.key for bench in benches for record in bench.records if record.reason}
    learned = {source.key for source in sources if source.weights}
    asked = lacking if args.methods else lacking & learned if args.model else set()
    failures = any(len(failed(bench.rows)) for bench in benches)
    no_photos = not all(photos for photos, _ in found.values())
    return Exit.FAILED if asked or failures or no_photos else Exit.GOOD


def _measure(
    folder: str,
    photos: list[Photo],
    sources: list[MethodSource],
    root: Path,
    threads: int,
    repeats: int,
) -> tuple[pd.DataFrame, list[MethodRecord]]:
    """Rows of each method on the photographs of a folder, failures among them, and records.

    Files are written below `root`.
    """
    rows: list[Row] = []
    by_fallback: list[bool] = []
    records = []
    dataset = Path(folder).resolve().name or "images"
    for source in sources if photos else ():
        streams = root / "streams" / dataset / source.key
        place = Measurement(dataset, root, streams, threads, repeats)
        images = ((photo.name, photo.read()) for photo in photos)
        found = measure(source, images, len(photos), place)
        rows += [*found.rows, *found.failed]
        records.append(found.record)
        files = [root / row.stream for row in found.rows]
        by_fallback += [bool(source.weights) and _by_fallback(file) for file in files]
        by_fallback += [False for _ in found.failed]
    return frame(rows, ResultRow).assign(by_fallback=np.array(by_fallback, bool)), records


def _keep(root: Path, benches: Sequence[Bench], sources: Sequence[MethodSource]) -> None:
    """Completes the folder of a run, from which others can check the result."""
    rows = pd.concat([bench.rows for bench in benches])
    write(root / "rows.csv", rows.drop(columns="by_fallback"))
    for source in sources:
        if source.entry.endswith(".py"):
            shutil.copy(source.entry, root)


def _by_fallback(path: Path) -> bool:
    """Whether no tile of a .l3c file was coded by the network."""
    file = unpack(path.read_bytes())
    return not any(split_payload(file, tile.payload or b"")[0] for tile in file.tiles)


def _readable(photos: list[Photo]) -> tuple[list[Photo], dict[str, str]]:
    """Photographs that are plain RGB, and the others with the reason."""
    good, left = [], {}
    for photo in photos:
        try:
            photo.read()
            good.append(photo)
        except PictureError as error:
            left[photo.source] = error.reason
    return good, left


def _sources(args: argparse.Namespace) -> list[MethodSource]:
    """The methods to measure.

    Raises:
        UsageError: an unknown method.
        ModelError: the model of a learned method is not here.
    """
    keys = args.methods.split(",") if args.methods else ["l3c", *METHODS]
    sources: list[MethodSource] = []
    for entry in dict.fromkeys(key.strip() for key in keys):
        if entry in LEARNED:
            models = [named_model(model) for model in dict.fromkeys(args.model or [None])]
            sources += _learned(entry, models)
        else:
            sources.append(_classical(entry, {source.key for source in sources}))
    return sources


def _classical(entry: str, taken: set[str]) -> MethodSource:
    source = MethodSource(method_key(entry), entry)
    try:
        if entry.endswith(".py"):
            with source.process() as process:  # now, not when its turn comes
                process.call("describe")
        else:
            get_method(entry)
    except (UnknownMethodError, ChildError) as error:
        more = f", {', '.join(LEARNED)}" if isinstance(error, UnknownMethodError) else ""
        raise UsageError(f"--methods: {error}{more}") from None
    if source.key in taken:
        raise UsageError(f"--methods: rename {entry}; another method has its key {source.key}")
    return source


def _learned(entry: str, models: list[ModelFile]) -> list[MethodSource]:
    """A learned method with each model; keys and labels tell several models from each other."""
    choice, names, sources = LEARNED[entry], [model.name for model in models], []
    for index, model in enumerate(models, start=1):
        name = model.name if names.count(model.name) == 1 else str(model.weights)
        name += "" if choice is Choice.SMALLEST else f" {choice}"
        key = entry if len(models) == 1 else f"{entry}_{index}"
        sources.append(MethodSource(key, entry, name, model.weights.resolve(), choice=choice))
    return sources


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
        verdict = "NO: failed, see below" if method.measured else f"not measured: {method.reason}"
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
