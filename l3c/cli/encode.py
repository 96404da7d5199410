"""Compress images to .l3c files.

Each file is read back from the disk, decoded and compared before it gets its name. One bad file
does not stop the others.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any

from l3c.cli.decode import fields_of
from l3c.cli.exits import Exit, UsageError
from l3c.cli.files import Job, OutputError
from l3c.cli.options import add_coding, add_inputs, add_output, number_in
from l3c.cli.report import Batch, Outcome
from l3c.coding import container_of, decodes_to, uses_network
from l3c.fileformat.container import LOSSY_SUFFIX, Bytes, pieces, unpack
from l3c.images.reading import IMAGE_SUFFIXES, read_picture
from l3c.lossy import decode_symbols, encode_lossy, lossy_codec
from l3c.models.tile_codec import KINDS, Arithmetic
from l3c.models.zoo import named_model
from l3c.pillow_plugin import SUFFIX
from l3c.tile_coding import Choice

_FLOAT_NOTE = (
    "the model has no integers: files are coded in floating point, and a machine that computes it "
    "otherwise refuses to decode them (--arithmetic float silences this)"
)


class VerifyError(ValueError):
    """A file that does not decode to the image it was made from; it is not kept."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_inputs(parser, "images (BMP, GIF, JPEG, PNG, TIFF, WebP)")
    add_output(parser, "x.l3c")
    text = "leave out color profile, EXIF and XMP"
    parser.add_argument("--strip", action="store_true", help=text)
    parser.add_argument(
        "--network",
        action="store_const",
        dest="choice",
        const=Choice.NETWORK,
        default=Choice.SMALLEST,
        help="code RGB by the network alone, however large the files",
    )
    parser.add_argument(
        "--no-verify",
        dest="verify",
        action="store_false",
        help="do not decode what was written; takes half the time",
    )
    parser.add_argument(
        "--tile-side",
        type=number_in(8, 1024),
        metavar="PIXELS",
        help="tiles have at most the pixels of a square of this side, 8 to 1024 (default 724); "
        "smaller ones take less memory and cost bytes",
    )
    add_coding(parser, "model to encode with: a released name, or a .safetensors file")
    parser.add_argument(
        "--arithmetic",
        choices=KINDS,
        help="of the network: integer decodes exactly on every machine, float perhaps only on one "
        "like this; by default integer, or float with a note for a model that has no integers",
    )


def run(args: argparse.Namespace) -> Exit:
    """Runs the command.

    Raises:
        UsageError: an option that does not go with a lossy model.
    """
    lossy = bool(args.model and named_model(args.model).card.get("lossy"))
    if lossy and (args.tile_side or args.arithmetic == "float" or args.choice != Choice.SMALLEST):
        raise UsageError(f"{args.model} is lossy: its files have no tiles or fallback, no floats")
    batch = Batch(args, IMAGE_SUFFIXES, LOSSY_SUFFIX if lossy else SUFFIX, name_others=True)
    return batch.run(partial(_encode, lossy=lossy), summary=True)


def _encode(job: Job, batch: Batch, *, lossy: bool) -> Outcome:
    """Of a lossy model the symbols are verified."""
    start, args = time.perf_counter(), batch.args
    if job.target and job.target.suffix.lower() == (SUFFIX if lossy else LOSSY_SUFFIX):
        reason = f"lossless files end in {SUFFIX}, lossy ones in {LOSSY_SUFFIX}"
        raise OutputError(job.target, reason)
    content = job.path or bytes(job.read())
    picture = read_picture(content, job.name)
    read = len(content) if isinstance(content, bytes) else content.stat().st_size
    if args.strip:
        picture = picture.strip()
    moved = batch.steps(job, picture.height * picture.width * (1 + args.verify))
    codec: Any = batch.model.codec if lossy or uses_network(picture.mode) else None

    def verify(stored: Bytes) -> None:
        if args.verify and lossy:
            decode_symbols(stored, lambda *_: codec)
        elif args.verify and not decodes_to(stored, picture, lambda *_: codec, progress=moved):
            raise VerifyError(
                "does not decode to the same image; nothing was kept, please report this"
            )

    with batch.outputs.aside(job.target) as keep:
        if lossy:
            container = unpack(encode_lossy(picture, lossy_codec(codec)))
        else:
            how = {"choice": args.choice, "tile_side": args.tile_side, "progress": moved}
            container = container_of(picture, codec, **how, keep=keep)
        encode_s = time.perf_counter() - start
        data = pieces(container)
        fields = fields_of(container, picture.mode, sum(map(len, data)))
        fields["input_bytes"] = read
        text = batch.write(job, data, fields, verify)
    verify_s = time.perf_counter() - start - encode_s
    arithmetic = Arithmetic(container.arithmetic)
    fields |= {
        "model": container.model.hex() or None,
        "arithmetic": arithmetic.text if arithmetic else None,
        "encode_s": round(encode_s, 3),
        "verify_s": round(verify_s, 3) if args.verify else None,
        "verified": args.verify,
        "not_kept": list(picture.losses),
    }
    if arithmetic and arithmetic.kind == "float" and not args.arithmetic:
        batch.warn(_FLOAT_NOTE)
    if picture.losses:
        batch.warn(f"{job.name}: not kept: {', '.join(picture.losses)}")
    return text, fields, []
