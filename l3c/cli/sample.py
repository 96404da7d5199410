"""`l3c sample`: what a model expects to see, drawn from the coarser scales of an image."""

from __future__ import annotations

import argparse
import itertools
import os
from pathlib import Path

from l3c.cli.batch import InputError, run_jobs
from l3c.cli.engine import Engine
from l3c.cli.exits import Exit, UsageError
from l3c.cli.inputs import Job, find_sources, hidden
from l3c.cli.outcome import Outcome
from l3c.cli.outputs import Outputs
from l3c.cli.report import Report
from l3c.images.picture import Mode, Picture
from l3c.images.reading import IMAGE_SUFFIXES, read_picture
from l3c.images.writing import write_picture
from l3c.models.tile_codec import Sample


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    if os.path.lexists(args.output) and not os.path.isdir(args.output):
        raise UsageError(f"-o {args.output} is a file; samples need a folder")
    engine, outputs = Engine(args), Outputs(force=args.force)
    sources, left = find_sources(args.inputs, IMAGE_SUFFIXES)
    jobs = [Job(source, None, source.problem) for source in sources]
    numbers = itertools.count()

    def work(job: Job, report: Report) -> Outcome:
        return _sample(job, next(numbers), engine, outputs, args)

    with Report("sample", len(jobs), hidden(left), as_json=args.json, quiet=args.quiet) as report:
        run_jobs(jobs, work, report)
        return report.finish()


def _sample(
    job: Job, number: int, engine: Engine, outputs: Outputs, args: argparse.Namespace
) -> Outcome:
    source = job.source
    picture = read_picture(source.path or source.read(), source.name)
    if picture.mode != Mode.RGB:
        raise InputError(f"{picture.mode.name}: only 8-bit RGB can be sampled")
    codec = engine.encoder()

    stem = f"{number}_{source.path.stem if source.path else 'stdin'}"
    samples = {
        Path(args.output) / f"{stem}_{_name(sample)}.png": sample
        for sample in codec.sample_parts(picture.samples, args.seed)
    }
    for target in samples:
        outputs.check(target, source.path)
    for target, sample in samples.items():
        with outputs.new_file(target) as temporary:
            write_picture(temporary, Picture.from_array(sample.image))
    stored = [
        {"name": sample.name, "output": str(target), "stored_bpsp": sample.bpsp}
        for target, sample in samples.items()
    ]
    lines = [f"{target}: {sample.bpsp:.4f} bpsp stored" for target, sample in samples.items()]
    fields = {"input": source.name, "model": codec.identity.hex(), "samples": stored}
    return Outcome("\n".join(lines), fields)


def _name(sample: Sample) -> str:
    """As the original names it: 3.549_gt, then rgb_1.013, rgb+bn0_0.342, with bn0 for z1."""
    if sample.name == "truth":
        return f"{sample.bpsp:.3f}_gt"
    parts = ["rgb" if part == "x" else _bottleneck(part) for part in sample.name.split("-")]
    return f"{'+'.join(parts)}_{sample.bpsp:.3f}"


def _bottleneck(part: str) -> str:
    return f"bn{int(part[1:]) - 1}" if part[0] == "z" and part[1:].isdecimal() else part
