"""`l3c encode`: images to .l3c files, each decoded and compared before it gets its name."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from l3c.arithmetic import Arithmetic
from l3c.cli.batch import run_jobs
from l3c.cli.engine import Engine
from l3c.cli.exits import Exit
from l3c.cli.inputs import Job, plan
from l3c.cli.outcome import Outcome, Sizes, Summary, converted
from l3c.cli.outputs import Outputs, check_stdout, write_stdout
from l3c.cli.report import Report
from l3c.coding import decode_picture, encode_picture, uses_network
from l3c.fileformat.container import unpack
from l3c.images.reading import IMAGE_SUFFIXES, read_picture
from l3c.pillow_plugin import SUFFIX
from l3c.tile_coding import Choice

if TYPE_CHECKING:
    from l3c.models.tile_codec import TileCodec


class VerifyError(ValueError):
    """A file that does not decode to the image it was made from; it is not kept."""


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    jobs, left = plan(args.inputs, IMAGE_SUFFIXES, args.output, SUFFIX)
    left = [each for each in left if each.reason != SUFFIX]  # made by an encode before
    to_stdout = any(job.target is None for job in jobs if not job.problem)
    if to_stdout:
        check_stdout(args)
    engine, outputs = Engine(args), Outputs(force=args.force)

    def work(job: Job, report: Report) -> Outcome:
        return _encode(job, report, engine, outputs, args)

    with Report(
        "encode", len(jobs), left, as_json=args.json, quiet=args.quiet, stdout_taken=to_stdout
    ) as report:
        run_jobs(jobs, work, report)
        return report.finish(Summary.line)


def _encode(
    job: Job, report: Report, engine: Engine, outputs: Outputs, args: argparse.Namespace
) -> Outcome:
    start = time.perf_counter()
    source, target = job.source, job.target
    if target is not None:
        outputs.check(target, source.path)
    content = source.path or source.read()
    picture = read_picture(content, source.name)
    if args.strip:
        picture = picture.strip()
    codec = engine.encoder() if uses_network(picture.mode) else None
    moved = report.steps(source.name, picture.height * picture.width * (1 + args.verify))
    choice = Choice.QUICK if args.quick else Choice.SMALLEST
    data = encode_picture(picture, codec, choice=choice, tile_side=args.tile_side, progress=moved)
    container = unpack(data)
    encode_s = time.perf_counter() - start

    def verify(written: bytes) -> None:
        def same_codec(identity: bytes, arithmetic: Arithmetic) -> TileCodec:
            assert codec is not None  # no model is named in files made without one
            return codec

        if args.verify:
            decoded = decode_picture(written, same_codec, progress=moved).picture
            if decoded != picture:
                raise VerifyError(
                    "does not decode to the same image; nothing was kept, please report this"
                )

    if target is None:
        verify(data)
        write_stdout(data)
    else:
        times_of = source.path if args.keep_times else None
        with outputs.new_file(target, source.path, times_of=times_of) as temporary:
            temporary.write_bytes(data)
            verify(temporary.read_bytes())
    seconds = time.perf_counter() - start
    read = len(content) if isinstance(content, bytes) else content.stat().st_size
    sizes = Sizes(read, len(data), len(data), picture.samples.size)
    fields = {
        "mode": picture.mode.name,
        "height": picture.height,
        "width": picture.width,
        "model": container.model.hex() or None,
        "arithmetic": Arithmetic(container.arithmetic).text if container.model else None,
        "encode_s": round(encode_s, 3),
        "verify_s": round(seconds - encode_s, 3) if args.verify else None,
        "verified": args.verify,
        "not_kept": list(picture.losses),
    }
    warnings = engine.notes(Arithmetic(container.arithmetic))
    if picture.losses:
        warnings += (f"{source.name}: not kept: {', '.join(picture.losses)}",)
    return replace(converted(job, sizes, seconds, fields), warnings=warnings)
