"""Decode .l3c files, compare all checksums, and write nothing."""

from __future__ import annotations

import argparse

from l3c.cli.decode import SUFFIXES, flaw_fields, read_back
from l3c.cli.exits import Exit
from l3c.cli.files import Job
from l3c.cli.options import add_coding, add_inputs
from l3c.cli.report import Batch, Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_inputs(parser)
    add_coding(parser, "weights of a model that does not come with the package")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    return Batch(args, SUFFIXES).run(_verify, summary=True)


def _verify(job: Job, batch: Batch) -> Outcome:
    _, flaws, fields = read_back(job, batch, job.read(), salvage=True)
    fields |= {"good": not flaws, "flaws": flaw_fields(flaws)}
    return "" if flaws else f"{job.name}: OK" + ", lossy" * ("lossy" in fields), fields, flaws
