"""`l3c bench`: every method on the images of a folder, measured as the workflow measures."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from baselines.registry import METHODS, UnknownMethodError, get_method
from l3c.cli.bench_table import Left, Result, print_result
from l3c.cli.exits import Exit, UsageError
from l3c.data.images import ImageError
from l3c.data.sources import Photo, folder_photos
from l3c.evaluation.decoder import DecodeFailedError
from l3c.evaluation.environment import cores
from l3c.evaluation.measure import LosslessError, Measurement, measure
from l3c.evaluation.methods import MethodSource
from l3c.evaluation.rows import MethodRecord, ResultRow
from l3c.experiment import method_key
from l3c.workflow_job import limit_threads
from l3c.zoo import ModelError, named_model

LEARNED = "l3c"
"""Key of the learned method among --methods."""


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    threads = args.threads or cores()
    limit_threads(threads)
    with _messages(args):
        photos, left = _readable(folder_photos(Path(args.folder)))
    sources, missing = _sources(args)
    result = Result(Path(args.folder), left, [], list(missing))
    with tempfile.TemporaryDirectory(prefix="l3c-bench-") as folder, _messages(args):
        place = Measurement(
            dataset=Path(args.folder).resolve().name or "images",
            run=Path(folder),
            streams=Path(folder) / "streams",
            threads=threads,
            repeats=args.repeats,
        )
        for source in sources if photos else ():
            rows, record = _measure(source, photos, place)
            result.rows.extend(rows)
            result.records.append(record)
    print_result(result, "json" if args.json else "csv" if args.csv else "table")
    if not photos:
        return Exit.FAILED
    if missing and args.methods:
        return Exit.NO_MODEL
    # Methods that are not there are no failure, unless they were asked for.
    failed = any(record.reason and (record.measured or args.methods) for record in result.records)
    return Exit.FAILED if failed else Exit.GOOD


def _readable(photos: list[Photo]) -> tuple[list[Photo], list[Left]]:
    """Photographs that are plain RGB, and the others with the reason."""
    good, left = [], []
    for photo in photos:
        try:
            photo.read()
            good.append(photo)
        except ImageError as error:
            left.append(Left(photo.source, error.reason))
    return good, left


def _sources(args: argparse.Namespace) -> tuple[list[MethodSource], list[MethodRecord]]:
    """The methods to measure, and the record of a learned one whose model is not here.

    Raises:
        UsageError: an unknown method.
        ModelError: --model names no model.
    """
    keys = args.methods.split(",") if args.methods else [LEARNED, *METHODS]
    sources, missing = [], []
    for entry in dict.fromkeys(key.strip() for key in keys):
        if entry == LEARNED:
            try:
                model = named_model(args.model)
            except ModelError as error:
                if args.model:
                    raise
                missing.append(_not_measured(LEARNED, "L3C", str(error)))
                continue
            sources.append(MethodSource(LEARNED, LEARNED, model.name, model.weights.resolve()))
            continue
        try:
            get_method(entry)
        except UnknownMethodError as error:
            raise UsageError(f"--methods: {error}, {LEARNED}") from None
        sources.append(MethodSource(method_key(entry), entry))
    return sources, missing


def _measure(
    source: MethodSource, photos: list[Photo], place: Measurement
) -> tuple[list[ResultRow], MethodRecord]:
    """Measures one method; one that is not lossless has the reason in its record."""
    images = ((photo.name, photo.read()) for photo in photos)
    try:
        return measure(source, images, len(photos), place)
    except (LosslessError, DecodeFailedError) as error:
        name = source.name or source.load().name
        return [], _not_measured(source.key, name, str(error), measured=True)


def _not_measured(key: str, name: str, why: str, measured: bool = False) -> MethodRecord:
    return MethodRecord(
        dataset="-", key=key, method=name, measured=measured, reason=why, settings="", version=""
    )


@contextlib.contextmanager
def _messages(args: argparse.Namespace) -> Iterator[None]:
    """Bars and messages of the measuring code, on a terminal only."""
    if sys.stderr.isatty() and not args.quiet:
        yield
    else:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
