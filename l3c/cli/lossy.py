"""What encode, decode, info and verify do with lossy models and their `.l3y` files."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

from l3c.cli.exits import InputError, UsageError
from l3c.cli.files import Job, OutputError
from l3c.cli.report import Batch, Outcome, conversion, sizes
from l3c.coding import region_of
from l3c.fileformat.container import LOSSY_SUFFIX, unpack
from l3c.images.picture import Mode, Section
from l3c.images.png import png_of
from l3c.images.reading import read_picture
from l3c.lossy import decode_lossy, decode_symbols, encode_lossy, lossy_codec
from l3c.models.zoo import ModelFile, named_model
from l3c.tile_coding import Choice

SUFFIX = LOSSY_SUFFIX


def asked_for(args: argparse.Namespace) -> bool:
    """Whether the named model is lossy.

    Raises:
        UsageError: it is, and an option does not go with it.
    """
    if not (args.model and named_model(args.model).card.get("lossy")):
        return False
    if args.tile_side or args.arithmetic == "float" or args.choice != Choice.SMALLEST:
        raise UsageError(f"{args.model} is lossy: its files have no tiles or fallback, no floats")
    return True


def encode(job: Job, batch: Batch) -> Outcome:
    """See `l3c.cli.encode`; what is verified are the symbols."""
    start, args = time.perf_counter(), batch.args
    if job.target and job.target.suffix.lower() == ".l3c":
        raise OutputError(job.target, f"would be lossy; .l3c files are not: name it {SUFFIX}")
    batch.outputs.check(job.target, job.path)
    content = job.path or job.read()
    picture = read_picture(content, job.name)
    picture = picture.strip() if args.strip else picture
    codec = lossy_codec(batch.model.codec)
    data = encode_lossy(picture, codec)
    encode_s = time.perf_counter() - start

    def verify(stored: bytes) -> None:
        if args.verify:
            decode_symbols(stored, lambda *model: codec)

    batch.write(job, data, verify)
    read = len(content) if isinstance(content, bytes) else content.stat().st_size
    fields = {
        **_fields(data, read, len(data)),
        "model": codec.identity.hex(),
        "encode_s": round(encode_s, 3),
        "verified": args.verify,
        "not_kept": list(picture.losses),
    }
    text, fields = conversion(job, fields, start)
    return Outcome(f"{text}, lossy", fields)


def decode(job: Job, batch: Batch, data: bytes) -> Outcome:
    """See `l3c.cli.decode`.

    Raises:
        InputError: --salvage, which needs tiles.
    """
    start, args = time.perf_counter(), batch.args
    if args.salvage:
        raise InputError("lossy files have no tiles that could be salvaged")
    batch.outputs.check(job.target, job.path)
    file = unpack(data, lossy=True)
    y, x, height, width = region_of(file.height, file.width, args.region)
    picture = decode_lossy(data, batch.model.find_codec)
    picture = replace(picture, samples=picture.samples[y : y + height, x : x + width])
    png = png_of(picture)
    batch.write(job, png)
    text, fields = conversion(job, _fields(data, len(data), len(png)), start)
    return Outcome(f"{text}, lossy", fields)


def verify(job: Job, batch: Batch, data: bytes) -> Outcome:
    """See `l3c.cli.verify`: the symbols are decoded and compared with their checksum."""
    decode_symbols(data, batch.model.find_codec)
    fields = {"input": job.name, **_fields(data, len(data)), "good": True}
    return Outcome(f"{job.name}: OK, lossy", fields)


def info(job: Job, data: bytes, models: list[ModelFile]) -> Outcome:
    """See `l3c.cli.info`."""
    file = unpack(data, lossy=True)
    payload = file.tiles[0].check((0, 0, file.height, file.width))
    model = next((m.name for m in models if file.model in m.identities), None)
    kinds = {int(section): section.name for section in Section}
    names = {kinds.get(kind, f"kind {kind}"): len(content) for kind, content in file.sections}
    fields = {
        "input": job.name,
        **_fields(data, len(data)),
        "model": file.model.hex(),
        "model_name": model,
        "sections": names,
        "bytes": len(data),
        "payload_bytes": len(payload),
    }
    lines = {
        "image": f"a lossy reconstruction, RGB, {file.width} x {file.height} pixels",
        "file": f"{len(data):,} bytes, {fields['bpp']:.3f} bits per pixel",
        "model": f"{file.model.hex()} ({model or 'not here'})",
        "sections": ", ".join(f"{name} {size:,}" for name, size in names.items()) or "none",
    }
    text = "\n".join([job.name, *(f"  {key:<10}{value}" for key, value in lines.items())])
    return Outcome(text, fields)


def _fields(data: bytes, read: int, written: int = 0) -> dict[str, Any]:
    file = unpack(data, lossy=True)
    pixels = file.height * file.width
    return {
        **sizes(read, written, 8 * len(data), pixels * Mode.RGB.channels),
        "lossy": True,
        "bpp": 8 * len(data) / pixels,
        "mode": Mode.RGB.name,
        "height": file.height,
        "width": file.width,
    }
