"""Restore images from .l3c files."""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

from l3c.cli import lossy
from l3c.cli.exits import Exit, UsageError
from l3c.cli.files import Job, OutputError, find_jobs, with_targets
from l3c.cli.options import add_coding, add_flag, add_inputs, add_output
from l3c.cli.report import Batch, Outcome, conversion, sizes
from l3c.cli.verify import flaw_fields, salvage
from l3c.coding import decode_picture
from l3c.fileformat.container import unpack
from l3c.fileformat.errors import Rectangle
from l3c.fileformat.lossy import is_lossy
from l3c.images.writing import WRITABLE_SUFFIXES, write_picture
from l3c.pillow_plugin import SUFFIX

_FORMATS = " ".join(sorted(suffix[1:] for suffix in WRITABLE_SUFFIXES))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_inputs(parser)
    add_output(parser, "x.png")
    parser.add_argument("--format", help="png (default), tiff, bmp or webp; all lossless")
    parser.add_argument(
        "--region", type=_region, metavar="X,Y,W,H", help="decode only this part, in pixels"
    )
    add_flag(
        parser,
        "--salvage",
        "write what a damaged file still holds, samples 0 elsewhere, and list what is lost",
    )
    add_coding(parser, "weights of a model that does not come with the package")


def _region(text: str) -> Rectangle:
    numbers = text.split(",")
    if len(numbers) != 4 or not all(number.strip().isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(f"expected x,y,width,height in pixels, got {text!r}")
    x, y, width, height = map(int, numbers)
    return y, x, height, width


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    named = None if args.format is None else f".{args.format.lower().lstrip('.')}"
    if named is not None and named not in WRITABLE_SUFFIXES:
        raise UsageError(f"--format {args.format}: expected one of {_FORMATS}")
    found, left = find_jobs(args.inputs, {SUFFIX, lossy.SUFFIX})
    jobs = with_targets(args, found, named or ".png")
    return Batch(args, jobs, left).run(partial(_decode, named=named), summary=True)


def _suffix(target: Path | None, named: str | None) -> str:
    """Of the format to write: the named one, else the target's.

    Raises:
        OutputError: no format that is written, or another than the target's name promises.
    """
    if target is None:
        return named or ".png"
    ending = target.suffix.lower()
    if named and ending in WRITABLE_SUFFIXES and ending[:4] != named[:4]:  # .tif is .tiff
        raise OutputError(target, f"would hold {named[1:]}: give it another name or --format")
    if not named and ending and ending not in WRITABLE_SUFFIXES:
        raise OutputError(target, f"{ending} files are not written; name one of {_FORMATS}")
    return named or target.suffix


def _decode(job: Job, batch: Batch, named: str | None) -> Outcome:
    start, args = time.perf_counter(), batch.args
    suffix = _suffix(job.target, named)
    data = job.read()
    if is_lossy(data):
        return lossy.decode(job, batch, data, suffix)
    container = unpack(data, damaged=args.salvage)
    batch.outputs.check(job.target, job.path)
    pixels = container.height * container.width
    moved = batch.steps(job, pixels)
    flaws: list[Exception] = []
    if args.salvage:
        decoded, flaws = salvage(data, batch.model.find_codec, region=args.region, progress=moved)
    else:
        decoded = decode_picture(data, batch.model.find_codec, region=args.region, progress=moved)
    picture = decoded.picture
    with batch.outputs.new_file(
        job.target, job.path, keep_times=args.keep_times, suffix=suffix
    ) as temporary:
        write_picture(temporary, picture)
        written = temporary.stat().st_size
    fields = {
        **sizes(len(data), written, 8 * len(data), pixels * picture.mode.channels),
        "mode": picture.mode.name,
        "height": picture.height,
        "width": picture.width,
        "lost": flaw_fields(flaws),
    }
    return Outcome(*conversion(job, fields, start), flaws, salvaged=True)
