"""Compare all methods on the RGB images of folders.

Each file is decoded in a fresh process and compared with the image. Images that are not plain 8-bit
RGB are left out and listed. The learned model runs on the CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from baselines.registry import METHODS, UnknownMethodError, get_method, method_key
from l3c.bench.measure.environment import cores
from l3c.bench.measure.files import Measurement, measure
from l3c.bench.measure.method_process import MethodProcess, MethodProcessError
from l3c.bench.measure.methods import MethodSource
from l3c.bench.schema import MethodRecord
from l3c.cli.bench_table import Left, Result, print_results
from l3c.cli.exits import Exit, UsageError
from l3c.cli.options import add_flag, add_shared, positive
from l3c.data.sources import Photo, folder_photos
from l3c.images.picture import PictureError
from l3c.models.zoo import ModelError, ModelFile, named_model
from l3c.threads import limit_threads
from l3c.tile_coding import Choice

LEARNED = {
    "l3c": Choice.SMALLEST,
    "l3c_network": Choice.NETWORK,
    "l3c_quick": Choice.QUICK,
}
"""Keys of the learned method among --methods, and what codes a tile: as `l3c encode` writes it, the
network alone, and what an estimate prefers."""


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
        "are there. Learned: l3c (as encode writes it), l3c_network (the network alone), "
        "l3c_quick (as encode --quick)",
    )
    parser.add_argument(
        "--model",
        action="append",
        help="learned model: a released name, or a .safetensors file; repeatable",
    )
    parser.add_argument("--repeats", type=positive, default=1, help="timed runs; the median counts")
    group = parser.add_mutually_exclusive_group()
    add_shared(group, "--json")
    add_flag(group, "--csv", "print one row per image and method")
    add_shared(parser, "--quiet", "--threads")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    threads = args.threads or cores()
    limit_threads(threads)
    with _messages(shown=not args.quiet):
        found = {folder: _readable(folder_photos(Path(folder))) for folder in args.folders}
    sources, missing = _sources(args)
    results = []
    bars = sys.stderr.isatty() and not args.quiet
    for folder, (photos, left) in found.items():
        result = Result(Path(folder), left, [], [], list(missing))
        with _messages(shown=bars):
            _measure(result, photos, sources, threads, args.repeats)
        results.append(result)
    print_results(results, "json" if args.json else "csv" if args.csv else "table")
    if not all(photos for photos, _ in found.values()):
        return Exit.FAILED
    if missing and args.methods:
        return Exit.NO_MODEL
    # Methods that are not there are no failure, unless they were asked for.
    lacking = [record.key for result in results for record in result.records if record.reason]
    learned = any(key.split("_")[0] in LEARNED for key in lacking)
    asked = (lacking and args.methods) or (learned and args.model)
    return Exit.FAILED if asked or any(result.failed for result in results) else Exit.GOOD


def _measure(
    result: Result, photos: list[Photo], sources: list[MethodSource], threads: int, repeats: int
) -> None:
    """Adds what each method does with the photographs of a folder."""
    with tempfile.TemporaryDirectory(prefix="l3c-bench-") as folder:
        place = Measurement(
            dataset=result.folder.resolve().name or "images",
            run=Path(folder),
            streams=Path(folder) / "streams",
            threads=threads,
            repeats=repeats,
        )
        for source in sources if photos else ():
            images = ((photo.name, photo.read()) for photo in photos)
            measured = measure(source, images, len(photos), place)
            result.rows.extend(measured.rows)
            result.failed.extend(measured.failed)
            result.records.append(measured.record)


def _readable(photos: list[Photo]) -> tuple[list[Photo], list[Left]]:
    """Photographs that are plain RGB, and the others with the reason."""
    good, left = [], []
    for photo in photos:
        try:
            photo.read()
            good.append(photo)
        except PictureError as error:
            left.append(Left(photo.source, error.reason))
    return good, left


def _sources(args: argparse.Namespace) -> tuple[list[MethodSource], list[MethodRecord]]:
    """The methods to measure, and the record of a learned one whose model is not here.

    Raises:
        UsageError: an unknown method.
        ModelError: --model names no model.
    """
    keys = args.methods.split(",") if args.methods else ["l3c", *METHODS]
    sources, missing = [], []
    for entry in dict.fromkeys(key.strip() for key in keys):
        if entry in LEARNED:
            try:
                models = [named_model(model) for model in dict.fromkeys(args.model or [None])]
            except ModelError as error:
                if args.model:
                    raise
                missing.append(_not_measured(entry, "L3C", str(error)))
                continue
            sources += _learned(entry, models)
            continue
        source = MethodSource(method_key(entry), entry)
        try:
            if entry.endswith(".py"):
                with MethodProcess(source) as process:  # now, not when its turn comes
                    process.describe()
            else:
                get_method(entry)
        except UnknownMethodError as error:
            raise UsageError(f"--methods: {error}, {', '.join(LEARNED)}") from None
        except MethodProcessError as error:
            raise UsageError(f"--methods: {error}") from None
        if any(source.key == other.key for other in sources):
            raise UsageError(f"--methods: rename {entry}; another method has its key {source.key}")
        sources.append(source)
    return sources, missing


def _learned(entry: str, models: list[ModelFile]) -> list[MethodSource]:
    """A learned method with each model; keys and labels tell several models from each other."""
    choice, sources = LEARNED[entry], []
    for index, model in enumerate(models):
        namesakes = [other for other in models if other.name == model.name]
        name = model.name if len(namesakes) == 1 else str(model.weights)
        if choice is not Choice.SMALLEST:
            name = f"{name} {choice}"
        key = entry if len(models) == 1 else f"{entry}_{index + 1}"
        sources.append(MethodSource(key, entry, name, model.weights.resolve(), choice=choice))
    return sources


def _not_measured(key: str, name: str, why: str) -> MethodRecord:
    return MethodRecord(
        dataset="-", key=key, method=name, measured=False, reason=why, settings="", version=""
    )


@contextlib.contextmanager
def _messages(*, shown: bool) -> Iterator[None]:
    """Bars and messages of the code below, or none of them."""
    if shown:
        yield
    else:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
