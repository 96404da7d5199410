"""Compare all methods on the RGB images of folders.

Each file is decoded in a fresh process and compared with the image. Images that are not plain 8-bit
RGB are left out and listed. The learned model runs on the CPU.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from baselines.lossy import LOSSY_METHODS, LossyMethod
from baselines.registry import METHODS
from l3c.bench.lossy import LearnedLossy, measure_lossy, operating_points
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.files import measure
from l3c.bench.measure.machine import noise_note
from l3c.bench.measure.methods import LearnedMethod, key_of, served
from l3c.bench.run import Run
from l3c.bench.schema import LossyRow, ResultRow, failed, frame, rows_of, write
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
    models = [named_model(model) for model in dict.fromkeys(args.model or [])]
    photos: dict[str, list[Photo]] = {folder: [] for folder in args.folders}
    left = []
    with hushed(args.quiet):
        for folder, readable in photos.items():
            for photo in folder_photos(Path(folder)):
                try:
                    photo.read()
                    readable.append(photo)
                except PictureError as error:
                    left.append({"folder": folder, "image": photo.source, "reason": error.reason})
    measure_all = _lossy if args.lossy else _lossless
    content, lines, code = measure_all(args, models, photos, left)
    if args.json:
        print_json({"command": "bench"} | content)
    else:
        print("".join(f"{line}\n" for line in lines), end="")
    return code


def _entries(args: argparse.Namespace, known: Sequence[str], default: Sequence[str]) -> list[str]:
    """The items of --methods, each once.

    Raises:
        UsageError: one of them is neither known nor, of lossless methods, a Python file.
    """
    entries = [entry.strip() for entry in args.methods.split(",")] if args.methods else default
    files = [] if args.lossy else [entry for entry in entries if entry.endswith(".py")]
    if unknown := [entry for entry in entries if entry not in (*known, *files)]:
        there = ", ".join(known) + ("" if args.lossy else ", or a Python file (.py)")
        raise UsageError(f"--methods: no method {', '.join(unknown)}; there are: {there}")
    return list(dict.fromkeys(entries))


def _lossless(
    args: argparse.Namespace,
    models: list[ModelFile],
    photos: dict[str, list[Photo]],
    left: list[dict[str, str]],
) -> tuple[dict[str, Any], list[str], Exit]:
    """Measures lossless methods.

    Returns:
        What JSON holds; the lines that are printed without it; how the command ends.
    """
    asked = _lossless_methods(args, models)
    learned = {method.key for method in asked if isinstance(method, LearnedMethod)}
    names, tables = _dataset_names(photos), [frame([], ResultRow)]
    with tempfile.TemporaryDirectory(prefix="l3c-bench-") as scratch:
        root = Path(args.keep or scratch)
        root.mkdir(parents=True, exist_ok=not args.keep)
        for folder, readable in photos.items():
            dataset = names[folder]
            for method in asked if readable else ():
                with hushed(args.quiet or not sys.stderr.isatty()):
                    rows = measure(
                        method,
                        ((photo.name, photo.read()) for photo in readable),
                        len(readable),
                        dataset=dataset,
                        run=root,
                        streams=root / "streams" / dataset / key_of(method),
                        threads=args.threads,
                        repeats=args.repeats,
                    )
                tables.append(rows)
        table = pd.concat(tables, ignore_index=True)
        if args.keep:  # all that others need to check the result
            write(root / "rows.csv", table)
            for file in (method for method in asked if isinstance(method, str)):
                if file.endswith(".py"):
                    shutil.copy(file, root)
        table["folder"] = table.dataset.map({name: folder for folder, name in names.items()})
        table["by_fallback"] = [
            row.key in learned and not row.reason and _by_fallback(root / row.stream)
            for row in rows_of(table)
        ]
    totals = pd.concat([_totals(Run(table), name, folder) for folder, name in names.items()])
    rows = table[table.image != ""]
    content = {
        "folders": [*photos],
        "methods": _records(totals.drop(columns=["dataset", "failed"])),
        "rows": _records(rows.drop(columns=["dataset", "stream"]).fillna({"lossless": False})),
        "not_quiet": noise_note(table),
        "left_out": left,
    }
    lines: list[str] = []
    for folder in photos:
        lines += ["\n"] * bool(lines) + [f"{folder}:"] * (len(photos) > 1)
        lines += _lines(table[table.folder == folder], totals[totals.folder == folder])
        lines += [
            f"left out {each['image']}: {each['reason']}"
            for each in left
            if each["folder"] == folder
        ]
    # Methods that are not there are no failure, unless they were asked for.
    lacking = {*totals.key[totals.lossless.isna()]}
    wanted = lacking if args.methods else lacking & learned if args.model else set()
    good = not wanted and failed(table).empty and all(photos.values())
    return content, lines, Exit.GOOD if good else Exit.FAILED


def _dataset_names(folders: Iterable[str]) -> dict[str, str]:
    """Folder -> what its data set is called: as the folder, with a number if that name is taken."""
    names: dict[str, str] = {}
    for folder in folders:
        name = Path(folder).resolve().name or "images"
        names[folder] = name + (f"_{len(names) + 1}" if name in names.values() else "")
    return names


def _totals(run: Run, dataset: str, folder: str) -> pd.DataFrame:
    """A line for each method on a folder, the smallest files first, those without any last.

    Returns:
        Columns of `comparison.methods`; the size relative to PNG's as `of_png`, NaN if one of the
        two failed on an image.
    """
    table = methods(run, dataset, ())
    table = table.set_index("key", drop=False).drop(columns=["name", "release_bpsp", "released"])
    good = table.failed == 0
    whole = table.total_bpsp.where(good)
    table["of_png"] = whole / whole.get(_REFERENCE, float("nan"))
    table["lossless"] = good.where((table.failed > 0) | (table.reason == ""))
    table["folder"] = folder
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


def _lossless_methods(
    args: argparse.Namespace, models: list[ModelFile]
) -> list[LearnedMethod | str]:
    """The methods to measure.

    Raises:
        UsageError: an unknown method, a file that defines none, or two of one key.
        ModelError: the model of a learned method is not here.
    """
    found: list[LearnedMethod | str] = []
    for entry in _entries(args, [*METHODS, *LEARNED], ["l3c", *METHODS]):
        if entry in LEARNED:
            found += _learned(entry, models or [named_model()])
            continue
        if key_of(entry) in map(key_of, found):
            raise UsageError(f"--methods: rename {entry}; another one has its key {key_of(entry)}")
        if entry.endswith(".py"):
            try:
                with served(entry) as process:  # now, not when its turn comes
                    process.call("describe")
            except ChildError as error:
                raise UsageError(f"--methods: {error}") from None
        found.append(entry)
    return found


def _learned(entry: str, models: list[ModelFile]) -> list[LearnedMethod]:
    """A learned method with each model; keys and labels tell several models from each other."""
    choice, names, found = LEARNED[entry], [model.name for model in models], []
    for index, model in enumerate(models, start=1):
        name = model.name if names.count(model.name) == 1 else str(model.weights)
        name += "" if choice is Choice.SMALLEST else f" {choice}"
        key = entry if len(models) == 1 else f"{entry}_{index}"
        found.append(LearnedMethod(key, name, model.weights.resolve(), choice=choice))
    return found


def _lossy(
    args: argparse.Namespace, models: list[ModelFile], photos: dict[str, list[Photo]], _: object
) -> tuple[dict[str, Any], list[str], Exit]:
    """Measures lossy methods, of which the means at each operating point are printed.

    Returns:
        As of `_lossless`.
    """
    from l3c.nn.ms_ssim import MIN_SIDE  # imports PyTorch

    asked, wanted, names = _lossy_methods(args, models), bool(args.methods), _dataset_names(photos)
    tables, failures, left = [frame([], LossyRow)], [], []
    for folder, readable in photos.items():
        images = [(photo.name, photo.read()) for photo in readable]
        left += [name for name, image in images if min(image.shape[:2]) < MIN_SIDE]
        images = [(name, image) for name, image in images if min(image.shape[:2]) >= MIN_SIDE]
        for method in asked:
            reason = method.why_unavailable()
            try:
                if not reason:
                    with tempfile.TemporaryDirectory(prefix="l3c-bench-") as streams:
                        tables.append(measure_lossy(names[folder], images, method, Path(streams)))
            except (ChildError, ValueError) as error:
                reason, wanted = str(error), True
            failures += [f"{method.name}, {folder}: {reason}"] if reason else []
    table = pd.concat(tables, ignore_index=True)
    points = operating_points(table)
    if args.keep:
        write(Path(args.keep) / "lossy.csv", table)
    content = {"lossy": True, "failures": failures, "left_out": left}
    content |= {"points": points.to_dict("records"), "rows": table.to_dict("records")}
    lines = [f"left out, less than {MIN_SIDE} pixels a side: {', '.join(left)}"] if left else []
    for dataset in points.dataset.unique():
        lines += [f"{dataset}:"] * (points.dataset.nunique() > 1)
        rows = [["method", "point", "bpp", "PSNR dB", "MS-SSIM", "encode s", "decode s"]]
        for row in rows_of(points[points.dataset == dataset]):
            numbers = (f"{row.bpp:.3f}", f"{row.psnr:.2f}", f"{row.ms_ssim:.4f}")
            seconds = (f"{row.encode_s:.3f}", f"{row.decode_s:.3f}")
            rows.append([row.method, f"{row.point:g}", *numbers, *seconds])
        lines += aligned(rows, right=range(1, 7))
        count = table[table.dataset == dataset].image.nunique()
        lines.append(f"images: {count}; all numbers are means over them, bytes of whole files")
    good = not table.empty and not (wanted and failures)
    return content, lines + failures, Exit.GOOD if good else Exit.FAILED


def _lossy_methods(args: argparse.Namespace, models: list[ModelFile]) -> list[LossyMethod]:
    """The methods to measure: all codecs, and the models that are named, as one method.

    Raises:
        UsageError: no or an unknown method, or a model that is lossless.
        ModelError: no such model.
    """
    keys = _entries(args, [*LOSSY_METHODS, _MODELS], [*LOSSY_METHODS])
    found = [LOSSY_METHODS[key]() for key in keys if key != _MODELS]
    for file in models:
        if not file.card.get("lossy"):
            raise UsageError(f"--model {file.name}: is lossless; without --lossy it is measured")
    if models:
        families = " ".join(dict.fromkeys(file.family for file in models))
        found.insert(0, LearnedLossy(families, [file.weights.resolve() for file in models]))
    if not found:
        raise UsageError(f"--methods {_MODELS}: name them by --model")
    return found
