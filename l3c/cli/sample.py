"""Draw what a model expects to see, given only the coarser scales of images.

Writes a PNG for each number of scales that are kept, named as the original names them: number and
name of the image, what is sampled, and the bpsp of what is kept. The inputs are images, such as
PNGs; decode `.l3c` files first.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from l3c.cli.exits import Exit, InputError, UsageError
from l3c.cli.files import Job
from l3c.cli.options import add_coding, add_inputs, add_shared, number_in
from l3c.cli.report import Batch, Outcome
from l3c.images.picture import Mode, Picture
from l3c.images.png import png_of
from l3c.images.reading import IMAGE_SUFFIXES, read_picture
from l3c.models.tile_codec import Sample
from l3c.models.zoo import released
from l3c.pillow_plugin import SUFFIX


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_inputs(parser, "RGB images")
    parser.add_argument("-o", "--output", required=True, help="folder to write to")
    parser.add_argument(
        "--seed", type=number_in(0), default=0, help="of the random numbers (default 0)"
    )
    add_shared(parser, "--force")
    add_coding(
        parser,
        "model: a released name, or a .safetensors file; by default the released one with scales",
    )


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    if os.path.lexists(args.output) and not os.path.isdir(args.output):
        raise UsageError(f"-o {args.output} is a file; samples need a folder")
    if args.model is None:
        scaled = (each.name for each in released() if len(each.card.get("streams", ())) > 1)
        args.model = next(scaled, None)
    return Batch(args, IMAGE_SUFFIXES).run(partial(_sample, numbers=itertools.count()))


def _sample(job: Job, batch: Batch, numbers: Iterator[int]) -> Outcome:
    number, args = next(numbers), batch.args
    if job.path and job.path.suffix == SUFFIX:
        raise InputError(f"samples are drawn for images: decode it first (l3c decode {job.name})")
    picture = read_picture(job.path or bytes(job.read()), job.name)
    if picture.mode != Mode.RGB:
        raise InputError(f"{picture.mode.name}: only 8-bit RGB can be sampled")
    codec = batch.model.codec
    stem = f"{number}_{job.path.stem if job.path else 'stdin'}"
    samples = {
        Path(args.output) / f"{stem}_{_name(sample)}.png": sample
        for sample in codec.sample_parts(picture.samples, args.seed)
    }
    for target in samples:
        batch.outputs.check(target, job.path)
    lines, stored = [], []
    for target, sample in samples.items():
        batch.outputs.write(target, png_of(Picture.from_array(sample.image)))
        lines.append(f"{target}: {sample.bpsp:.4f} bpsp stored")
        about = {"name": sample.name, "output": str(target), "stored_bpsp": sample.bpsp}
        stored.append(about)
    return "\n".join(lines), {"model": codec.identity.hex(), "samples": stored}, []


def _name(sample: Sample) -> str:
    """As the original names it: 3.549_gt, then rgb_1.013, rgb+bn0_0.342, with bn0 for z1."""
    if sample.name == "truth":
        return f"{sample.bpsp:.3f}_gt"
    parts = []
    for part in sample.name.split("-"):
        bottleneck = part[0] == "z" and part[1:].isdecimal()
        parts.append(f"bn{int(part[1:]) - 1}" if bottleneck else "rgb" if part == "x" else part)
    return f"{'+'.join(parts)}_{sample.bpsp:.3f}"
