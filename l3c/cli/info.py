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
from l3c.cli import lossy
from l3c.cli.exits import Exit
from l3c.cli.files import Job, find_jobs
from l3c.cli.options import add_inputs, add_shared
from l3c.cli.report import Batch, Outcome, sizes
from l3c.cli.verify import flaw_fields, flaws_of
from l3c.coding import mode_of
from l3c.fileformat.container import header_bytes, is_lossy, split_parts, unpack
from l3c.fileformat.errors import TileError
from l3c.fileformat.tiles import tile_rectangles
from l3c.images.picture import Section
from l3c.models.tile_codec import Arithmetic
from l3c.models.zoo import ModelError, ModelFile, named_model, released
from l3c.pillow_plugin import SUFFIX
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
    jobs, left = find_jobs(args.inputs, {SUFFIX, lossy.SUFFIX})
    return Batch(args, jobs, left).run(partial(_describe, models=models))


def _describe(job: Job, batch: Batch, models: list[ModelFile]) -> Outcome:
    data = job.read()
    if is_lossy(data):
        return lossy.info(job, data, models)
    container = unpack(data, damaged=True)
    height, width, rows, cols = container.height, container.width, container.rows, container.cols
    mode, rectangles = mode_of(container), tile_rectangles(height, width, rows, cols)
    model = next((m for m in models if container.model in m.identities), None)
    # How many streams a network's tile has is known from its model's card alone: without one they
    # are counted together.
    streams = model.card.get("streams") if model else None
    alpha = ["alpha"] if mode.alpha else []
    of_network = [*streams, *alpha] if streams else ["streams"]
    parts = Counter(
        {"container": header_bytes(data), "sections": sum(len(c) for _, c in container.sections)}
    )
    flaws, by_fallback = flaws_of(data, container), []
    for tile, (y, x, h, w) in zip(container.tiles, rectangles, strict=True):
        try:
            tile.check((y, x, h, w))
        except TileError as error:
            flaws.append(error)
        if tile.payload is None:
            continue
        try:
            by_network, body = split_payload(container, tile.payload)
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
    kinds = {int(section): section.name for section in Section}
    fields = {
        "input": job.name,
        **sizes(len(data), 0, 8 * len(data), height * width * mode.channels),
        "mode": mode.name,
        "height": height,
        "width": width,
        "bits": mode.bits,
        "bytes": len(data),
        "tiles": {
            "rows": rows,
            "cols": cols,
            "largest": max(([h, w] for _, _, h, w in rectangles), key=math.prod),
            "by_fallback": by_fallback,
        },
        "model": container.model.hex() or None,
        "model_name": model.name if model else None,
        "arithmetic": Arithmetic(container.arithmetic).text,
        "sections": {kinds.get(k, f"kind {k}"): len(content) for k, content in container.sections},
        "bytes_by_part": dict(parts),
        "flaws": flaw_fields(flaws),
    }
    return Outcome(_text(fields), fields, flaws)


def _text(fields: dict[str, Any]) -> str:
    tiles, (height, width) = fields["tiles"], fields["tiles"]["largest"]
    model = "none: coded by the fallback alone"
    if fields["model"]:
        known = fields["model_name"] or "not here; name its weights with --model"
        model = f"{fields['model']} ({known}), {fields['arithmetic']}"
    sections, parts = (
        ", ".join(f"{name} {size:,}" for name, size in fields[key].items())
        for key in ("sections", "bytes_by_part")
    )
    count = f"{tiles['rows'] * tiles['cols']} ({tiles['rows']} x {tiles['cols']})"
    by_fallback = [",".join(map(str, rectangle)) for rectangle in tiles["by_fallback"]]
    if fields["model"] and by_fallback:
        count += f", {len(by_fallback)} by the fallback (x,y,w,h): {' '.join(by_fallback)}"
    lines = {
        "image": f"{fields['mode']}, {fields['width']} x {fields['height']} pixels, "
        f"{fields['bits']} bits a sample",
        "file": f"{fields['bytes']:,} bytes, {fields['bpsp']:.3f} bpsp",
        "tiles": f"{count}, up to {width} x {height} pixels",
        "model": model,
        "sections": sections or "none",
        "bytes": parts,
        "checksums": f"{len(fields['flaws'])} bad, see below" if fields["flaws"] else "good",
    }
    return "\n".join([fields["input"], *(f"  {key:<10}{value}" for key, value in lines.items())])
