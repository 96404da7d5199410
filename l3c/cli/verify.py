"""Decode .l3c files, compare all checksums, and write nothing."""

from __future__ import annotations

import argparse
import time

from l3c.cli.damage import exit_of_flaws, flaw_fields, salvage
from l3c.cli.engine import Engine
from l3c.cli.exits import Exit
from l3c.cli.files import Job, find_jobs
from l3c.cli.options import add_coding, add_inputs
from l3c.cli.report import Batch, Outcome
from l3c.fileformat.container import unpack
from l3c.pillow_plugin import SUFFIX


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_inputs(parser)
    add_coding(parser, "weights of a model that does not come with the package")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    jobs, left = find_jobs(args.inputs, {SUFFIX})
    engine, batch = Engine(args), Batch(args, jobs, left)

    def verify(job: Job) -> Outcome:
        start = time.perf_counter()
        data = job.read()
        container = unpack(data, damaged=True)
        moved = batch.steps(job, container.height * container.width)
        decoded, flaws = salvage(data, engine.decoder, progress=moved)
        fields = {
            "input": job.name,
            "good": not flaws,
            "flaws": flaw_fields(flaws),
            "seconds": round(time.perf_counter() - start, 3),
        }
        return Outcome(
            "" if flaws else f"{job.name}: OK",
            fields,
            read=len(data),
            coded=len(data),
            subpixels=decoded.picture.samples.size,
            exit=exit_of_flaws(flaws),
            problems=[f"{job.name}: {flaw}" for flaw in flaws],
        )

    return batch.run(verify, summary=True)
