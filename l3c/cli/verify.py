"""Decode .l3c files, compare all checksums, and write nothing."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from coder.errors import CorruptStreamError
from l3c.cli import lossy
from l3c.cli.exits import Exit, error_fields
from l3c.cli.files import Job, find_jobs
from l3c.cli.options import add_coding, add_inputs
from l3c.cli.report import Batch, Outcome, sizes
from l3c.coding import Decoded, decode_picture
from l3c.fileformat.container import Container, is_lossy, unpack
from l3c.fileformat.errors import Rectangle, SectionAlteredError
from l3c.models.tile_codec import Arithmetic
from l3c.pillow_plugin import SUFFIX

if TYPE_CHECKING:
    from l3c.models.tile_codec import TileCodec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_inputs(parser)
    add_coding(parser, "weights of a model that does not come with the package")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    jobs, left = find_jobs(args.inputs, {SUFFIX, lossy.SUFFIX})
    return Batch(args, jobs, left).run(_verify, summary=True)


def _verify(job: Job, batch: Batch) -> Outcome:
    start = time.perf_counter()
    data = job.read()
    if is_lossy(data):
        return lossy.verify(job, batch, data)
    container = unpack(data, damaged=True)
    moved = batch.steps(job, container.height * container.width)
    decoded, flaws = salvage(data, batch.model.find_codec, progress=moved)
    fields = {
        "input": job.name,
        **sizes(len(data), 0, 8 * len(data), decoded.picture.samples.size),
        "good": not flaws,
        "flaws": flaw_fields(flaws),
        "seconds": round(time.perf_counter() - start, 3),
    }
    return Outcome("" if flaws else f"{job.name}: OK", fields, flaws)


def flaws_of(data: bytes, container: Container) -> list[Exception]:
    """What is wrong with a file's bytes as a whole: its length, and its metadata.

    Args:
        data: the file.
        container: unpacked from it with `damaged=True`.
    """
    flaws: list[Exception] = [SectionAlteredError(kind) for kind in container.damaged_sections]
    try:
        unpack(data)
    except SectionAlteredError:
        pass
    except CorruptStreamError as error:
        flaws.insert(0, error)
    return flaws


def salvage(
    data: bytes,
    find_codec: Callable[[bytes, Arithmetic], TileCodec],
    *,
    region: Rectangle | None = None,
    progress: Callable[[int], object],
) -> tuple[Decoded, list[Exception]]:
    """Decodes what can be decoded, and lists what is wrong; see `l3c.coding.decode_picture`.

    Raises:
        CoderError: nothing can be decoded.
    """
    flaws = flaws_of(data, unpack(data, damaged=True))
    decoded = decode_picture(data, find_codec, region=region, salvage=True, progress=progress)
    return decoded, flaws + [damage.error for damage in decoded.damaged]


def flaw_fields(flaws: Sequence[Exception]) -> list[dict[str, Any]]:
    """Each flaw for scripts; the region is what `decode --region` takes, None of no pixels."""
    fields = []
    for flaw in flaws:
        y, x, height, width = rectangle = getattr(flaw, "rectangle", (None,) * 4)
        region = None if rectangle[0] is None else [x, y, width, height]
        fields.append({"region": region} | error_fields(flaw))
    return fields
