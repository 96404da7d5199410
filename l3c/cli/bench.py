"""`l3c bench`: every method on the images of a folder, measured as the workflow measures."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from baselines.registry import METHODS, UnknownMethodError, get_method, method_key
from l3c.bench.schema import MethodRecord
from l3c.cli.bench_table import Left, Result, print_result
from l3c.cli.exits import Exit, UsageError
from l3c.data.sources import Photo, folder_photos
from l3c.evaluation.environment import cores
from l3c.evaluation.measure import Measurement, measure
from l3c.evaluation.method_process import MethodProcess, MethodProcessError
from l3c.evaluation.methods import MethodSource
from l3c.models.zoo import ModelError, named_model
from l3c.picture import PictureError
from l3c.processes import limit_threads
from l3c.tile_coding import Choice

LEARNED = {
    "l3c": Choice.SUITED,
    "l3c_network": Choice.NETWORK,
    "l3c_smallest": Choice.SMALLEST,
}
"""Keys of the learned method among --methods, and what codes a tile: as `l3c encode` writes it, the
network alone, and the smaller of network and fallback."""


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    threads = args.threads or cores()
    limit_threads(threads)
    with _messages(shown=not args.quiet):
        photos, left = _readable(folder_photos(Path(args.folder)))
    sources, missing = _sources(args)
    result = Result(Path(args.folder), left, [], [], list(missing))
    bars = sys.stderr.isatty() and not args.quiet
    with tempfile.TemporaryDirectory(prefix="l3c-bench-") as folder, _messages(shown=bars):
        place = Measurement(
            dataset=Path(args.folder).resolve().name or "images",
            run=Path(folder),
            streams=Path(folder) / "streams",
            threads=threads,
            repeats=args.repeats,
        )
        for source in sources if photos else ():
            images = ((photo.name, photo.read()) for photo in photos)
            measured = measure(source, images, len(photos), place)
            result.rows.extend(measured.rows)
            result.failed.extend(measured.failed)
            result.records.append(measured.record)
    print_result(result, "json" if args.json else "csv" if args.csv else "table")
    if not photos:
        return Exit.FAILED
    if missing and args.methods:
        return Exit.NO_MODEL
    # Methods that are not there are no failure, unless they were asked for.
    lacking = [record.key for record in result.records if record.reason]
    asked = (lacking and args.methods) or ("l3c" in lacking and args.model)
    return Exit.FAILED if result.failed or asked else Exit.GOOD


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
                model = named_model(args.model)
            except ModelError as error:
                if args.model:
                    raise
                missing.append(_not_measured(entry, "L3C", str(error)))
                continue
            choice = LEARNED[entry]
            name = model.name if choice is Choice.SUITED else f"{model.name} {choice}"
            weights = model.weights.resolve()
            sources.append(MethodSource(entry, entry, name, weights, choice=choice))
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
