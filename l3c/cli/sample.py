"""`l3c sample`: what a model expects to see, drawn from the coarser scales of an image."""

from __future__ import annotations

import argparse
from pathlib import Path

from l3c.cli.batch import InputError, run_jobs
from l3c.cli.engine import Engine
from l3c.cli.exits import Exit
from l3c.cli.inputs import Job, find_sources
from l3c.cli.outcome import Outcome
from l3c.cli.outputs import check_target, new_file
from l3c.cli.report import Report
from l3c.picture import Mode, Picture
from l3c.picture_reading import read_picture
from l3c.picture_writing import write_picture


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    engine = Engine(args)
    jobs = [Job(source, None) for source in find_sources([args.image], ())]

    def work(job: Job, report: Report) -> Outcome:
        return _sample(job, engine, args)

    with Report("sample", len(jobs), as_json=args.json, quiet=args.quiet) as report:
        run_jobs(jobs, work, report)
        return report.finish()


def _sample(job: Job, engine: Engine, args: argparse.Namespace) -> Outcome:
    source = job.source
    picture = read_picture(source.path or source.read(), source.name)
    if picture.mode != Mode.RGB:
        raise InputError(f"{picture.mode.name}: only 8-bit RGB can be sampled")
    codec = engine.encoder()
    from l3c.sampling import sample_scales  # imports PyTorch

    stem = source.path.stem if source.path else "stdin"
    samples = {
        Path(args.output) / f"{stem}-{sample.name}.png": sample
        for sample in sample_scales(codec, picture.samples, args.seed)
    }
    for target in samples:
        check_target(target, force=args.force)
    for target, sample in samples.items():
        with new_file(target, force=args.force) as temporary:
            write_picture(temporary, Picture.from_array(sample.image))
    stored = [
        {"name": sample.name, "output": str(target), "stored_bpsp": sample.bpsp}
        for target, sample in samples.items()
    ]
    lines = [f"{target}: {sample.bpsp:.4f} bpsp stored" for target, sample in samples.items()]
    fields = {"input": source.name, "model": codec.identity.hex(), "samples": stored}
    return Outcome("\n".join(lines), fields)
