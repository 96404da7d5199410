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
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from baselines.lossy import LOSSY_METHODS, LossyMethod
from baselines.registry import METHODS, UnknownMethodError, get_method, method_key
from l3c.bench.lossy import LearnedLossy, measure_lossy, operating_points
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.files import measure
from l3c.bench.measure.machine import noise_note
from l3c.bench.measure.methods import MethodSource
from l3c.bench.run import Run
from l3c.bench.schema import (
    LossyRow,
    ResultRow,
    failed,
    frame,
    rows_of,
    write,
)
from l3c.bench.tables.comparison import methods
from l3c.cli.exits import Exit, UsageError
from l3c.cli.options import add_shared, positive
from l3c.cli.process import hushed
from l3c.cli.report import print_json
from l3c.data.sources import Photo, folder_photos
from l3c.fileformat.container import unpack
from l3c.images.picture import PictureError
from l3c.messages import aligned
from l3c.models.zoo import ModelFile, named_model
from l3c.threads import limit_threads, usable_cores
from l3c.tile_coding import Choice, split_payload

LEARNED = {"l3c": Choice.SMALLEST, "l3c_network": Choice.NETWORK}
"""Keys of the learned method among --methods, and what codes a tile: as `l3c encode` writes it, and
the network alone."""
_MODELS = "models"  # key of the lossy method that the models are
_REFERENCE = "png"


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
    args.threads = args.threads or len(usable_cores())
    limit_threads(args.threads)
    with hushed(args.quiet):
        found = {folder: _readable(folder) for folder in args.folders}
    photos = {folder: readable for folder, (readable, _) in found.items()}
    if args.lossy:
        return _run_lossy(args, photos)
    left = [each for _, others in found.values() for each in others]
    sources = _sources(args)
    with tempfile.TemporaryDirectory(prefix="l3c-bench-") as scratch:
        root = Path(args.keep or scratch)
        root.mkdir(parents=True, exist_ok=not args.keep)
        benches = {
            folder: _measure(args, folder, photos[folder], sources, root) for folder in found
        }
        table = _joined([rows for rows, _ in benches.values()])
        if args.keep:  # all that others need to check the result
            write(root / "rows.csv", table.drop(columns=["folder", "by_fallback"]))
            for source in sources:
                if source.entry.endswith(".py"):
                    shutil.copy(source.entry, root)
    totals = pd.concat([each for _, each in benches.values()])
    if args.json:
        rows = table[table.image != ""]
        content = {
            "command": "bench",
            "folders": [*found],
            "methods": _records(totals.drop(columns=["dataset", "failed"])),
            "rows": _records(rows.drop(columns=["dataset", "stream"]).fillna({"lossless": False})),
            "not_quiet": noise_note(table),
            "left_out": left,
        }
        print_json(content)
    for folder, (rows, of) in {} if args.json else benches.items():
        if folder != args.folders[0]:
            print("\n")
        print("\n".join([f"{folder}:"] * (len(found) > 1) + [*_lines(rows, of)]))
        for each in left:
            if each["folder"] == folder:
                print(f"left out {each['image']}: {each['reason']}")
    # Methods that are not there are no failure, unless they were asked for.
    lacking = {*totals.key[totals.lossless.isna()]}
    learned = {source.key for source in sources if source.weights}
    asked = lacking if args.methods else lacking & learned if args.model else set()
    return Exit.FAILED if asked or len(failed(table)) or not all(photos.values()) else Exit.GOOD


def _readable(folder: str) -> tuple[list[Photo], list[dict[str, str]]]:
    """Photographs of a folder, and those that are left out, with the reason."""
    good, left = [], []
    for photo in folder_photos(Path(folder)):
        try:
            photo.read()
            good.append(photo)
        except PictureError as error:
            left.append({"folder": folder, "image": photo.source, "reason": error.reason})
    return good, left


def _measure(
    args: argparse.Namespace,
    folder: str,
    photos: list[Photo],
    sources: list[MethodSource],
    root: Path,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of a folder, with `folder` and `by_fallback`, and `_totals`; files go below `root`."""
    every, dataset = [], Path(folder).resolve().name or "images"
    for source in sources if photos else ():
        with hushed(args.quiet or not sys.stderr.isatty()):
            rows = measure(
                source,
                ((photo.name, photo.read()) for photo in photos),
                len(photos),
                dataset=dataset,
                run=root,
                streams=root / "streams" / dataset / source.key,
                threads=args.threads,
                repeats=args.repeats,
            )
        alone = [
            bool(source.weights) and not row.reason and _by_fallback(root / row.stream)
            for row in rows_of(rows)
        ]
        every.append(rows.assign(folder=folder, by_fallback=np.array(alone, bool)))
    table = _joined(every)
    return table, _totals(dataset, table).assign(folder=folder)


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows of `_measure` in one table."""
    empty = frame([], ResultRow).assign(folder="", by_fallback=False)
    return pd.concat([rows for rows in tables if len(rows)] or [empty], ignore_index=True)


def _totals(dataset: str, attempts: pd.DataFrame) -> pd.DataFrame:
    """A line for each method on a folder, the smallest files first, those without any last.

    Returns:
        Columns of `comparison.methods`; the size relative to PNG's as `of_png`, NaN if one of the
        two failed on an image.
    """
    table = methods(Run(attempts), dataset, ()).set_index("key", drop=False)
    table = table.drop(columns=["name", "release_bpsp", "released"])
    good = table.failed == 0
    whole = table.total_bpsp.where(good)
    table["of_png"] = whole / whole.get(_REFERENCE, float("nan"))
    table["lossless"] = good.where((table.failed > 0) | (table.reason == ""))
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
        verdict = "NO: failed, see below" if method.failed else method.reason
        cells = [text if number == number else "-" for number, text in numbers]
        rows.append([method.method, *cells, verdict if method.reason else "yes"])
    yield from aligned(rows, right=range(1, 5))
    count = attempts.image[attempts.image != ""].nunique()
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


def _sources(args: argparse.Namespace) -> list[MethodSource]:
    """The methods to measure.

    Raises:
        UsageError: an unknown method.
        ModelError: the model of a learned method is not here.
    """
    sources: list[MethodSource] = []
    for entry in _entries(args, ["l3c", *METHODS]):
        if entry in LEARNED:
            models = [named_model(model) for model in dict.fromkeys(args.model or [None])]
            sources += _learned(entry, models)
        else:
            sources.append(_classical(entry, {source.key for source in sources}))
    return sources


def _entries(args: argparse.Namespace, default: list[str]) -> list[str]:
    """The items of --methods, each once."""
    entries = args.methods.split(",") if args.methods else default
    return list(dict.fromkeys(entry.strip() for entry in entries))


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

    lossy, asked = _lossy_methods(args), bool(args.methods)
    tables, failures, left = [frame([], LossyRow)], [], []
    for folder, found in photos.items():
        images = [(photo.name, photo.read()) for photo in found]
        left += [name for name, image in images if min(image.shape[:2]) < MIN_SIDE]
        images = [(name, image) for name, image in images if name not in left]
        for method in lossy:
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
    keys = [key for key in _entries(args, [*LOSSY_METHODS]) if key != _MODELS]
    if unknown := [key for key in keys if key not in LOSSY_METHODS]:
        known = ", ".join([*LOSSY_METHODS, _MODELS])
        raise UsageError(f"--methods: no lossy method {', '.join(unknown)}; there are: {known}")
    files = [named_model(model) for model in dict.fromkeys(args.model or [])]
    for file in files:
        if not file.card.get("lossy"):
            raise UsageError(f"--model {file.name}: is lossless; without --lossy it is measured")
    found = [LOSSY_METHODS[key]() for key in keys]
    if files:
        families = " ".join(dict.fromkeys(file.family for file in files))
        found.insert(0, LearnedLossy(families, [file.weights.resolve() for file in files]))
    if not found:
        raise UsageError(f"--methods {_MODELS}: name them by --model")
    return found
