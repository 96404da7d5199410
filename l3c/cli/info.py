"""`l3c info`: what .l3c files say about themselves; nothing is decoded, and no model is needed."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from coder.errors import CorruptStreamError
from l3c.arithmetic import Arithmetic
from l3c.cli.batch import run_jobs
from l3c.cli.examine import Flaw, altered_tiles, exit_of_flaws, flaws_of, section_name
from l3c.cli.exits import Exit
from l3c.cli.inputs import Job, find_sources, hidden
from l3c.cli.outcome import Outcome, Sizes
from l3c.cli.report import Report
from l3c.coding import mode_of
from l3c.fileformat.container import Container, Tile, split_parts, unpack
from l3c.fileformat.tiles import tile_rectangles
from l3c.images.picture import Mode
from l3c.models.zoo import ModelError, ModelFile, named_model, released
from l3c.pillow_plugin import SUFFIX
from l3c.tile_coding import body, is_by_network


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    models = [named_model(args.model)] if args.model else []
    with contextlib.suppress(ModelError):  # only a name and a number of scales are taken of them
        models += released()

    def work(job: Job, report: Report) -> Outcome:
        return _describe(job, models)

    sources, left = find_sources(args.inputs, {SUFFIX})
    jobs = [Job(source, None, source.problem) for source in sources]
    with Report("info", len(jobs), hidden(left), as_json=args.json) as report:
        run_jobs(jobs, work, report)
        return report.finish()


def _describe(job: Job, models: list[ModelFile]) -> Outcome:
    name = job.source.name
    data = job.source.read()
    container = unpack(data, damaged=True)
    mode = mode_of(container)
    grid = container.height, container.width, container.rows, container.cols
    rectangles = tile_rectangles(*grid)
    flaws = flaws_of(data, container) + altered_tiles(container, rectangles)
    model = next((m for m in models if container.model in m.identities), None)
    sizes = Sizes(read=len(data), coded=len(data), subpixels=grid[0] * grid[1] * mode.channels)
    fields: dict[str, Any] = {
        "input": name,
        "mode": mode.name,
        "height": container.height,
        "width": container.width,
        "bits": mode.bits,
        "bytes": len(data),
        "bpsp": sizes.bpsp,
        "tiles": {
            "rows": container.rows,
            "cols": container.cols,
            "largest": max(
                ([h, w] for _, _, h, w in rectangles), key=lambda side: side[0] * side[1]
            ),
            "by_fallback": [
                [x, y, width, height]
                for tile, (y, x, height, width) in zip(container.tiles, rectangles, strict=True)
                if _is_by_network(container, tile) is False
            ],
        },
        "model": container.model.hex() or None,
        "model_name": model.name if model else None,
        "arithmetic": Arithmetic(container.arithmetic).text,
        "sections": {section_name(kind): len(content) for kind, content in container.sections},
        "bytes_by_part": _bytes_by_part(len(data), container, mode, model),
        "flaws": [flaw.fields() for flaw in flaws],
    }
    problems = tuple(f"{name}: {flaw.error}" for flaw in flaws)
    return Outcome(_text(fields, flaws), fields, sizes, exit_of_flaws(flaws), problems)


def _bytes_by_part(
    size: int, container: Container, mode: Mode, model: ModelFile | None
) -> dict[str, int]:
    """How many bytes each part of the file takes; they add up to its size.

    How many streams a network's tile has is known from its model's card alone: without one they
    are counted together.
    """
    parts = {"container": 0, "sections": sum(len(content) for _, content in container.sections)}
    for tile in container.tiles:
        if tile.payload is None:
            continue
        try:
            names = _part_names(is_by_network(container, tile.payload), mode, model)
            parts_of_tile = split_parts(body(container, tile.payload), len(names))
            found = [(name, len(part)) for name, part in zip(names, parts_of_tile, strict=True)]
        except CorruptStreamError:
            found = [("unreadable", len(tile.payload))]
        for name, length in found:
            parts[name] = parts.get(name, 0) + length
    parts["container"] = size - sum(parts.values())
    return parts


def _is_by_network(container: Container, tile: Tile) -> bool | None:
    """Whether a network coded a tile; None where its bytes do not say."""
    try:
        return None if tile.payload is None else is_by_network(container, tile.payload)
    except CorruptStreamError:
        return None


def _part_names(by_network: bool, mode: Mode, model: ModelFile | None) -> list[str]:
    if not by_network:
        return ["fallback"]
    streams = model.card.get("streams") if model else None
    alpha = ["alpha"] if mode == Mode.RGBA else []
    return [*streams, *alpha] if streams else ["streams"]


def _text(fields: dict[str, Any], flaws: list[Flaw]) -> str:
    tiles, (height, width) = fields["tiles"], fields["tiles"]["largest"]
    model = "none: coded by the fallback alone"
    if fields["model"]:
        known = fields["model_name"] or "not here"
        model = f"{fields['model']} ({known}), {fields['arithmetic']}"
    sections = ", ".join(f"{name} {size:,}" for name, size in fields["sections"].items()) or "none"
    parts = ", ".join(f"{name} {size:,}" for name, size in fields["bytes_by_part"].items())
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
        "sections": sections,
        "bytes": parts,
        "checksums": "good" if not flaws else f"{len(flaws)} bad, see below",
    }
    return "\n".join([fields["input"], *(f"  {key:<10}{value}" for key, value in lines.items())])
