"""Decode .l3c files, compare all checksums, and write nothing."""

from __future__ import annotations

import argparse
import time

from l3c.cli.decode import SUFFIXES, flaw_fields, read_back
from l3c.cli.exits import Exit
from l3c.cli.files import Job, find_jobs
from l3c.cli.options import add_coding, add_inputs
from l3c.cli.report import Batch, Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_inputs(parser)
    add_coding(parser, "weights of a model that does not come with the package")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    jobs, left = find_jobs(args.inputs, SUFFIXES)
    return Batch(args, jobs, left).run(_verify, summary=True)


def _verify(job: Job, batch: Batch) -> Outcome:
    start = time.perf_counter()
    _, flaws, fields = read_back(job, batch, job.read(), salvage=True)
    fields |= {"input": job.name, "good": not flaws, "flaws": flaw_fields(flaws)}
    fields["seconds"] = round(time.perf_counter() - start, 3)
    text = f"{job.name}: OK" + ", lossy" * ("lossy" in fields)
    return Outcome("" if flaws else text, fields, flaws)
