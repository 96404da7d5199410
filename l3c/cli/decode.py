"""Restore images from .l3c files."""

from __future__ import annotations

import argparse
import time

from l3c.cli import lossy
from l3c.cli.exits import Exit
from l3c.cli.files import Job, OutputError, find_jobs, with_targets
from l3c.cli.options import add_coding, add_flag, add_inputs, add_output
from l3c.cli.report import Batch, Outcome, conversion, sizes
from l3c.cli.verify import flaw_fields, salvage
from l3c.coding import decode_picture
from l3c.fileformat.container import is_lossy, unpack
from l3c.fileformat.errors import Rectangle
from l3c.images.png import png_of
from l3c.pillow_plugin import SUFFIX

PNG = ".png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_inputs(parser)
    add_output(parser, "x.png")
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
    found, left = find_jobs(args.inputs, {SUFFIX, lossy.SUFFIX})
    return Batch(args, with_targets(args, found, PNG), left).run(_decode, summary=True)


def _decode(job: Job, batch: Batch) -> Outcome:
    start, args = time.perf_counter(), batch.args
    if job.target and job.target.suffix.lower() not in ("", PNG):
        raise OutputError(job.target, f"{job.target.suffix} is not written: name it {PNG}")
    data = job.read()
    if is_lossy(data):
        return lossy.decode(job, batch, data)
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
    png = png_of(picture)
    batch.write(job, png)
    fields = {
        **sizes(len(data), len(png), 8 * len(data), pixels * picture.mode.channels),
        "mode": picture.mode.name,
        "height": picture.height,
        "width": picture.width,
        "lost": flaw_fields(flaws),
    }
    return Outcome(*conversion(job, fields, start), flaws, salvaged=True)
