"""Describe .l3c files: size, tiles, model, metadata, bytes by part.

Nothing is decoded and no model is needed; checksums of the coded bytes are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import math
from collections import Counter
from functools import partial
from typing import Any

from coder.errors import CorruptStreamError
from l3c.cli.decode import SUFFIXES, fields_of, flaw_fields
from l3c.cli.exits import Exit
from l3c.cli.files import Job
from l3c.cli.options import add_inputs, add_shared
from l3c.cli.report import Batch, Outcome
from l3c.coding import opened
from l3c.fileformat.container import Container, header_bytes, split_parts
from l3c.fileformat.errors import TileError
from l3c.images.picture import Mode, Section
from l3c.models.tile_codec import Arithmetic
from l3c.models.zoo import ModelError, ModelFile, named_model, released
from l3c.tile_coding import split_payload


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_inputs(parser)
    parser.add_argument("--model", help="weights whose name and scales to use, if they fit")
    add_shared(parser, "--json")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    models = [named_model(args.model)] if args.model else []
    with contextlib.suppress(ModelError):  # only a name and a number of scales are taken of them
        models += released()
    return Batch(args, SUFFIXES).run(partial(_describe, models=models))


def _describe(job: Job, batch: Batch, models: list[ModelFile]) -> Outcome:
    data = bytes(job.read())
    file, mode, _ = opened(data, damaged=True, lossy=None)
    flaws: list[Exception] = [*file.flaws]
    for rectangle, tile in file.placed().items():
        try:
            tile.check(rectangle)
        except TileError as error:
            flaws.append(error)
    kinds = {int(section): section.name for section in Section}
    model = next((m for m in models if file.model in m.identities), None)
    parts, by_fallback = _parts(data, file, mode, model)
    fields = {
        **fields_of(file, mode, len(data)),
        "bits": mode.bits,
        "bytes": len(data),
        "model": file.model.hex() or None,
        "model_name": model.name if model else None,
        "sections": {kinds.get(k, f"kind {k}"): len(content) for k, content in file.sections},
        "tiles": {
            "rows": file.rows,
            "cols": file.cols,
            "largest": max(([h, w] for _, _, h, w in file.placed()), key=math.prod),
            "by_fallback": by_fallback,
        },
        "arithmetic": Arithmetic(file.arithmetic).text,
        "bytes_by_part": parts,
        "flaws": flaw_fields(flaws),
    }
    return f"{job.name}\n{_text(fields)}", fields, flaws


def _parts(
    data: bytes, file: Container, mode: Mode, model: ModelFile | None
) -> tuple[dict[str, int], list[list[int]]]:
    """Bytes of a file by part, and x, y, width, height of the tiles that the fallback coded."""
    # How many streams a network's tile has is known from its model's card alone: without one they
    # are counted together.
    streams = model.card.get("streams") if model else None
    alpha = ["alpha"] if mode.alpha else []
    of_network = [*streams, *alpha] if streams else ["streams"]
    sections = sum(len(content) for _, content in file.sections)
    parts, by_fallback = Counter({"container": header_bytes(data), "sections": sections}), []
    for (y, x, h, w), tile in file.placed().items():
        if tile.payload is None:
            continue
        try:
            by_network, body = split_payload(file, tile.payload)
            names = of_network if by_network else ["fallback"]
            split = split_parts(body, len(names))
        except CorruptStreamError:  # "unreadable" below
            continue
        for name, part in zip(names, split, strict=True):  # several streams may be of one scale
            parts[name] += len(part)
        parts["container"] += len(tile.payload) - sum(map(len, split))
        by_fallback += [] if by_network else [[x, y, w, h]]
    if unreadable := len(data) - parts.total():
        parts["unreadable"] = unreadable
    return dict(parts), by_fallback


def _text(fields: dict[str, Any]) -> str:
    size, model = f"{fields['width']} x {fields['height']} pixels", fields["model"]
    known = fields["model_name"] or "not here; name its weights with --model"
    lossy, bad = "lossy" in fields, len(fields["flaws"])
    rate = f"{fields['bpp']:.3f} bits per pixel" if lossy else f"{fields['bpsp']:.3f} bpsp"
    tiles, (height, width) = fields["tiles"], fields["tiles"]["largest"]
    count = f"{tiles['rows'] * tiles['cols']} ({tiles['rows']} x {tiles['cols']})"
    by_fallback = [",".join(map(str, rectangle)) for rectangle in tiles["by_fallback"]]
    if model and by_fallback:
        count += f", {len(by_fallback)} by the fallback (x,y,w,h): {' '.join(by_fallback)}"
    sections, parts = (
        ", ".join(f"{name} {size:,}" for name, size in fields[key].items())
        for key in ("sections", "bytes_by_part")
    )
    image = f"{fields['mode']}, {size}, {fields['bits']} bits a sample"
    network = f"{model} ({known}), {fields['arithmetic']}"
    lines = {
        "image": "a lossy reconstruction, " * lossy + image,
        "file": f"{fields['bytes']:,} bytes, {rate}",
        "tiles": f"{count}, up to {width} x {height} pixels",
        "model": network if model else "none: coded by the fallback alone",
        "sections": sections or "none",
        "bytes": parts,
        "checksums": f"{bad} bad, see below" if bad else "good",
    }
    return "\n".join(f"  {key:<10}{line}" for key, line in lines.items())
