"""`l3c decode`: .l3c files to images, whole, a region, or what is left of damaged ones."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from l3c.cli.batch import run_jobs
from l3c.cli.engine import Engine
from l3c.cli.examine import Flaw, examine
from l3c.cli.exits import Exit, UsageError
from l3c.cli.inputs import Job, hidden, plan
from l3c.cli.outcome import Outcome, Sizes, Summary, converted
from l3c.cli.outputs import OutputError, Outputs, check_stdout, write_stdout
from l3c.cli.report import Report
from l3c.cli.streams import STDOUT
from l3c.coding import decode_picture
from l3c.fileformat.container import unpack
from l3c.fileformat.errors import Rectangle
from l3c.images.picture import Picture, PictureError
from l3c.images.writing import WRITABLE_SUFFIXES, write_picture
from l3c.pillow_plugin import SUFFIX


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    named = None if args.format is None else f".{args.format.lower().lstrip('.')}"
    if named is not None and named not in WRITABLE_SUFFIXES:
        raise UsageError(f"--format {args.format}: expected one of {_formats()}")
    jobs, left = plan(args.inputs, {SUFFIX}, args.output, named or ".png")
    to_stdout = any(job.target is None for job in jobs if not job.problem)
    if to_stdout:
        check_stdout(args)
    engine, outputs = Engine(args), Outputs(force=args.force)

    def work(job: Job, report: Report) -> Outcome:
        target = job.target
        suffix = named or (target.suffix if target is not None else ".png")
        if suffix and suffix.lower() not in WRITABLE_SUFFIXES:
            raise OutputError(
                target or STDOUT, f"{suffix} files are not written; name one of {_formats()}"
            )
        if named and target is not None and _promises_another(target, named):
            raise OutputError(target, f"would hold {named[1:]}: give it another name or --format")
        return _decode(job, report, engine, outputs, args, suffix)

    with Report(
        "decode",
        len(jobs),
        hidden(left),
        as_json=args.json,
        quiet=args.quiet,
        stdout_taken=to_stdout,
    ) as report:
        run_jobs(jobs, work, report)
        return report.finish(Summary.line)


def _decode(
    job: Job,
    report: Report,
    engine: Engine,
    outputs: Outputs,
    args: argparse.Namespace,
    suffix: str,
) -> Outcome:
    start = time.perf_counter()
    source, target = job.source, job.target
    data = source.read()
    region = None if args.region is None else _rectangle(args.region)
    container = unpack(data, damaged=args.salvage)
    if target is not None:
        outputs.check(target, source.path)
    pixels = container.height * container.width
    moved = report.steps(source.name, pixels)
    flaws: list[Flaw] = []
    if args.salvage:
        decoded, flaws = examine(data, engine.decoder, region=region, progress=moved)
    else:
        decoded = decode_picture(data, engine.decoder, region=region, progress=moved)
    picture = decoded.picture
    if target is None:
        image = _image_bytes(picture, suffix)
        write_stdout(image)
        written = len(image)
    else:
        times_of = source.path if args.keep_times else None
        with outputs.new_file(target, source.path, times_of=times_of, suffix=suffix) as temporary:
            write_picture(temporary, picture)
        written = target.stat().st_size
    fields = {
        "mode": picture.mode.name,
        "height": picture.height,
        "width": picture.width,
        "lost": [flaw.fields() for flaw in flaws],
    }
    sizes = Sizes(len(data), written, len(data), pixels * picture.mode.channels)
    outcome = converted(job, sizes, time.perf_counter() - start, fields)
    if not flaws:
        return outcome
    problems = tuple(f"{source.name}: {flaw.error}" for flaw in flaws)
    return Outcome(outcome.text, outcome.fields, sizes, Exit.SALVAGED, problems)


def _promises_another(target: Path, suffix: str) -> bool:
    """Whether a path ends in the suffix of another format that is written."""
    ending = target.suffix.lower()
    return ending in WRITABLE_SUFFIXES and ending[:4] != suffix[:4]  # .tif is .tiff


def _image_bytes(picture: Picture, suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"image{suffix}"
        try:
            write_picture(path, picture)
            return path.read_bytes()
        except PictureError as error:
            raise OutputError(STDOUT, error.reason) from error


def _rectangle(region: tuple[int, int, int, int]) -> Rectangle:
    x, y, width, height = region
    return y, x, height, width


def _formats() -> str:
    return " ".join(sorted(suffix[1:] for suffix in WRITABLE_SUFFIXES))
