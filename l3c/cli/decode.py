"""Restore images from .l3c files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from l3c.cli.exits import Exit, InputError, error_fields
from l3c.cli.files import Job, OutputError
from l3c.cli.options import add_coding, add_inputs, add_output
from l3c.cli.report import Batch, Outcome, sizes
from l3c.coding import decode_picture, opened, region_of
from l3c.fileformat.container import LOSSY_SUFFIX, Bytes, Container, unpack
from l3c.fileformat.errors import Rectangle
from l3c.images.picture import Mode, Picture
from l3c.images.png import png_of
from l3c.lossy import decode_lossy
from l3c.pillow_plugin import SUFFIX

PNG = ".png"
SUFFIXES = {SUFFIX, LOSSY_SUFFIX}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_inputs(parser)
    add_output(parser, "x.png")
    parser.add_argument(
        "--region", type=_region, metavar="X,Y,W,H", help="decode only this part, in pixels"
    )
    text = "write what a damaged file still holds, samples 0 elsewhere, and list what is lost"
    parser.add_argument("--salvage", action="store_true", help=text)
    add_coding(parser, "weights of a model that does not come with the package")


def _region(text: str) -> Rectangle:
    numbers = text.split(",")
    if len(numbers) != 4 or not all(number.strip().isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(f"expected x,y,width,height in pixels, got {text!r}")
    x, y, width, height = map(int, numbers)
    return y, x, height, width


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    return Batch(args, SUFFIXES, PNG).run(_decode, summary=True)


def _decode(job: Job, batch: Batch) -> Outcome:
    args = batch.args
    if job.target and job.target.suffix.lower() not in ("", PNG):
        raise OutputError(job.target, f"{job.target.suffix} is not written: name it {PNG}")
    data = job.read()
    if args.salvage and unpack(data, damaged=True).lossy:
        raise InputError("lossy files have no tiles that could be salvaged")
    picture, flaws, fields = read_back(job, batch, data, args.region, salvage=args.salvage)
    fields["lost"] = flaw_fields(flaws)
    return batch.write(job, png_of(picture), fields), fields, flaws


def read_back(
    job: Job, batch: Batch, data: Bytes, region: Rectangle | None = None, *, salvage: bool
) -> tuple[Picture, list[Exception], dict[str, Any]]:
    """The picture of a file or of a region, what is wrong with the file, and its fields.

    Args:
        job: of the file.
        batch: its model and its bar are used.
        data: the file.
        region: rows and columns to decode; all by default.
        salvage: list what is wrong, and put zeros where a tile is damaged, instead of raising; but
            for lossy files, which have one tile.

    Raises:
        CoderError: nothing can be decoded, or without `salvage` something is wrong.
    """
    container, mode, _ = opened(data, damaged=salvage, lossy=None)
    flaws: list[Exception] = [*container.flaws]
    if container.lossy:
        y, x, height, width = region_of(container.height, container.width, region)
        picture = decode_lossy(data, batch.model.find_codec)
        picture = replace(picture, samples=picture.samples[y : y + height, x : x + width])
    else:
        how: Any = {"region": region, "salvaged": flaws if salvage else None}
        how["progress"] = batch.steps(job, container.height * container.width)
        picture = decode_picture(data, batch.model.find_codec, **how)
    size = {"height": picture.height, "width": picture.width}
    return picture, flaws, fields_of(container, mode, len(data)) | size


def fields_of(container: Container, mode: Mode, num_bytes: int) -> dict[str, Any]:
    """What all commands tell of a file: its sizes and its mode, and bits per pixel if lossy."""
    pixels, bits = container.height * container.width, 8 * num_bytes
    fields = sizes(num_bytes, 0, bits, pixels * mode.channels)
    fields |= {"mode": mode.name, "height": container.height, "width": container.width}
    return fields | ({"lossy": True, "bpp": bits / pixels} if container.lossy else {})


def flaw_fields(flaws: Sequence[Exception]) -> list[dict[str, Any]]:
    """Each flaw for scripts; the region is what `--region` takes, None of no pixels."""
    fields = []
    for flaw in flaws:
        y, x, height, width = rectangle = getattr(flaw, "rectangle", (None,) * 4)
        region = None if rectangle[0] is None else [x, y, width, height]
        fields.append({"region": region} | error_fields(flaw))
    return fields
