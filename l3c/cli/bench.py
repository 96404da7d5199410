"""Compare all methods on the RGB images of folders.

Each file is decoded in a fresh process and compared with the image. Images that are not plain 8-bit
RGB are left out and listed. The learned model runs on the CPU.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from baselines.lossy import LOSSY_METHODS, LossyMethod
from baselines.registry import METHODS, UnknownMethodError, get_method, method_key
from l3c.bench.lossy import LearnedLossy, measure_lossy, operating_points
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.files import measure
from l3c.bench.measure.machine import cores, noise_note
from l3c.bench.measure.methods import MethodSource
from l3c.bench.schema import (
    LossyRow,
    MethodRecord,
    ResultRow,
    Row,
    failed,
    failure_texts,
    frame,
    measured,
    rows_of,
    write,
)
from l3c.bench.stats import rates, speeds
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
Found = tuple[list[Photo], dict[str, str]]
"""Photographs of a folder, and those that are left out, with the reason."""
_MODELS = "models"  # key of the lossy method that the models are
_REFERENCE = "png"
_COLUMNS = [
    *("folder", "image", "key", "method", "height", "width", "num_bytes", "bpsp"),
    *("encode_s", "decode_s", "other_load", "lossless", "by_fallback"),
    *("threads", "version", "reason"),
]


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
        return _run_lossy(args, {folder: photos for folder, (photos, _) in found.items()})
    sources = _sources(args)
    with tempfile.TemporaryDirectory(prefix="l3c-bench-") as scratch:
        root = Path(args.keep or scratch)
        root.mkdir(parents=True, exist_ok=not args.keep)
        table, records = _measure(args, found, sources, root, threads)
    benches = {
        folder: (
            table[table.folder == folder],
            _totals(table[table.folder == folder], [r for of, r in records if of == folder]),
        )
        for folder in found
    }
    left = [(folder, *each) for folder, (_, left) in found.items() for each in left.items()]
    if args.json:
        totals = pd.concat([of.assign(folder=folder) for folder, (_, of) in benches.items()])
        content = {
            "command": "bench",
            "folders": [*found],
            "methods": _records(totals.drop(columns=["dataset", "measured"])),
            "rows": _records(table[_COLUMNS].fillna({"lossless": False})),
            "not_quiet": noise_note(table),
            "left_out": [dict(zip(("folder", "image", "reason"), e, strict=True)) for e in left],
        }
        print_json(content)
    for folder, (rows, totals) in {} if args.json else benches.items():
        if folder != args.folders[0]:
            print("\n")
        print("\n".join([f"{folder}:"] * (len(found) > 1) + [*_lines(rows, totals)]))
        for of, image, reason in left:
            if of == folder:
                print(f"left out {image}: {reason}")
    # Methods that are not there are no failure, unless they were asked for.
    lacking = {record.key for _, record in records if record.reason}
    learned = {source.key for source in sources if source.weights}
    asked = lacking if args.methods else lacking & learned if args.model else set()
    no_photos = not all(photos for photos, _ in found.values())
    return Exit.FAILED if asked or len(failed(table)) or no_photos else Exit.GOOD


def _measure(
    args: argparse.Namespace,
    found: dict[str, Found],
    sources: list[MethodSource],
    root: Path,
    threads: int,
) -> tuple[pd.DataFrame, list[tuple[str, Row]]]:
    """Rows of all folders and methods, with `folder` and `by_fallback`; folders and records.

    Files are written below `root`; with --keep all that others need to check the result.
    """
    every, records = [], []
    for folder, (photos, _) in found.items():
        dataset = Path(folder).resolve().name or "images"
        for source in sources if photos else ():
            with hushed(args.quiet or not sys.stderr.isatty()):
                rows, record = measure(
                    source,
                    ((photo.name, photo.read()) for photo in photos),
                    len(photos),
                    dataset=dataset,
                    run=root,
                    streams=root / "streams" / dataset / source.key,
                    threads=threads,
                    repeats=args.repeats,
                )
            alone = [
                bool(source.weights) and not reason and _by_fallback(root / str(file))
                for file, reason in zip(rows.stream, rows.reason, strict=True)
            ]
            every.append(rows.assign(folder=folder, by_fallback=np.array(alone, bool)))
            records.append((folder, record))
    empty = frame([], ResultRow).assign(folder="", by_fallback=False)
    table = pd.concat([rows for rows in every if len(rows)] or [empty], ignore_index=True)
    if args.keep:
        write(root / "rows.csv", table.drop(columns=["folder", "by_fallback"]))
        for source in sources:
            if source.entry.endswith(".py"):
                shutil.copy(source.entry, root)
    return table, records


def _totals(attempts: pd.DataFrame, records: list[Any]) -> pd.DataFrame:
    """A line for each method on a folder, the smallest files first, those without any last.

    Returns:
        Its record; the totals of `l3c.bench.stats`, with the size relative to PNG's as `of_png`,
        NaN if one of the two failed on an image; where and why it failed as `reason`.
    """
    rows = measured(attempts)
    totals = rates(rows, ["key"]).merge(speeds(rows, ["key"]), on="key")
    table = frame(records, MethodRecord).merge(totals, on="key", how="left")
    table = table.set_index("key", drop=False)
    failing = {key: text for (_, key), text in failure_texts(attempts).items()}
    whole = table.total_bpsp.where(~table.key.isin(failing))
    table["of_png"] = whole / whole.get(_REFERENCE, float("nan"))
    table["reason"] = [failing.get(row.key, row.reason) for row in rows_of(table)]
    table["lossless"] = (table.reason == "").where(table.measured)
    return table.sort_values("total_bpsp", kind="stable")


def _lines(attempts: pd.DataFrame, totals: pd.DataFrame) -> Iterator[str]:
    """What is printed of a folder."""
    rows = [["method", "bpsp", "of PNG", "encode s", "decode s", "lossless"]]
    for method in rows_of(totals):
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
    count = attempts.image.nunique()
    yield f"images: {count}; seconds are means per image"
    for label, of in attempts[attempts.by_fallback].groupby("method", sort=False):
        yield (
            f"{label}: the fallback alone coded {len(of)} of {count} images; "
            "the network by itself: --methods l3c_network"
        )
    for row in rows_of(failed(attempts)):
        yield f"{row.method}, {row.image}: {row.reason}"
    if noisy := noise_note(attempts):
        yield noisy


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table for JSON, None for what is missing."""
    rows = table.convert_dtypes().astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): cell for name, cell in row.items()} for row in rows]


def _by_fallback(path: Path) -> bool:
    """Whether no tile of a .l3c file was coded by the network."""
    file = unpack(path.read_bytes())
    return not any(split_payload(file, tile.payload or b"")[0] for tile in file.tiles)


def _readable(photos: list[Photo]) -> Found:
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


def _run_lossy(args: argparse.Namespace, photos: dict[str, list[Photo]]) -> Exit:
    """Measures lossy methods, and prints the means at each operating point."""
    from l3c.nn.ms_ssim import MIN_SIDE  # imports PyTorch

    methods, asked = _lossy_methods(args), bool(args.methods)
    tables, failures, left = [frame([], LossyRow)], [], []
    for folder, found in photos.items():
        images = [(photo.name, photo.read()) for photo in found]
        left += [name for name, image in images if min(image.shape[:2]) < MIN_SIDE]
        images = [(name, image) for name, image in images if name not in left]
        for method in methods:
            reason = method.why_unavailable()
            try:
                if not reason:
                    dataset = Path(folder).resolve().name
                    with tempfile.TemporaryDirectory(prefix="l3c-bench-") as streams:
                        tables.append(measure_lossy(dataset, images, method, Path(streams)))
            except (ChildError, ValueError) as error:
                reason, asked = str(error), True
            failures += [f"{method.name}, {folder}: {reason}"] if reason else []
    table = pd.concat(tables[1:] or tables, ignore_index=True)
    points = operating_points(table)
    if args.keep:
        write(Path(args.keep) / "lossy.csv", table)
    if args.json:
        content = {"command": "bench", "lossy": True, "failures": failures, "left_out": left}
        records = {"points": points.to_dict("records"), "rows": table.to_dict("records")}
        print_json(content | records)
        return Exit.FAILED if table.empty or (asked and failures) else Exit.GOOD
    if left:
        print(f"left out, less than {MIN_SIDE} pixels a side: {', '.join(left)}")
    for dataset in points.dataset.unique():
        group = points[points.dataset == dataset]
        if points.dataset.nunique() > 1:
            print(f"{dataset}:")
        rows = [["method", "point", "bpp", "PSNR dB", "MS-SSIM", "encode s", "decode s"]]
        for row in rows_of(group):
            numbers = (f"{row.bpp:.3f}", f"{row.psnr:.2f}", f"{row.ms_ssim:.4f}")
            seconds = (f"{row.encode_s:.3f}", f"{row.decode_s:.3f}")
            rows.append([row.method, f"{row.point:g}", *numbers, *seconds])
        print("\n".join(aligned(rows, right=range(1, 7))))
        count = table[table.dataset == dataset].image.nunique()
        print(f"images: {count}; all numbers are means over them, bytes of whole files")
    print(*failures, sep="\n", end="\n" if failures else "")
    return Exit.FAILED if table.empty or (asked and failures) else Exit.GOOD


def _lossy_methods(args: argparse.Namespace) -> list[LossyMethod]:
    """The methods to measure: all codecs, and the models that are named, as one method.

    Raises:
        UsageError: no or an unknown method, or a model that is lossless.
        ModelError: no such model.
    """
    keys = [key.strip() for key in args.methods.split(",")] if args.methods else [*LOSSY_METHODS]
    keys = [key for key in dict.fromkeys(keys) if key != _MODELS]
    if unknown := [key for key in keys if key not in LOSSY_METHODS]:
        known = ", ".join([*LOSSY_METHODS, _MODELS])
        raise UsageError(f"--methods: no lossy method {', '.join(unknown)}; there are: {known}")
    files = [named_model(model) for model in dict.fromkeys(args.model or [])]
    for file in files:
        if not file.card.get("lossy"):
            raise UsageError(f"--model {file.name}: is lossless; without --lossy it is measured")
    methods = [LOSSY_METHODS[key]() for key in keys]
    if files:
        families = " ".join(dict.fromkeys(file.family for file in files))
        methods.insert(0, LearnedLossy(families, [file.weights.resolve() for file in files]))
    if not methods:
        raise UsageError(f"--methods {_MODELS}: name them by --model")
    return methods
