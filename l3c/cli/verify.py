"""`l3c verify`: decodes .l3c files and compares all checksums; writes nothing."""

from __future__ import annotations

import argparse
import time

from l3c.cli.batch import run_jobs
from l3c.cli.engine import Engine
from l3c.cli.examine import examine, exit_of_flaws
from l3c.cli.exits import Exit
from l3c.cli.inputs import Job, find_sources, hidden
from l3c.cli.outcome import Outcome, Sizes, Summary
from l3c.cli.report import Report
from l3c.fileformat.container import unpack
from l3c.pillow_plugin import SUFFIX


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    sources, left = find_sources(args.inputs, {SUFFIX})
    jobs = [Job(source, None, source.problem) for source in sources]
    engine = Engine(args)

    def work(job: Job, report: Report) -> Outcome:
        return _verify(job, report, engine)

    with Report("verify", len(jobs), hidden(left), as_json=args.json, quiet=args.quiet) as report:
        run_jobs(jobs, work, report)
        return report.finish(_summary)


def _verify(job: Job, report: Report, engine: Engine) -> Outcome:
    start = time.perf_counter()
    name = job.source.name
    data = job.source.read()
    container = unpack(data, damaged=True)
    moved = report.steps(name, container.height * container.width)
    decoded, flaws = examine(data, engine.decoder, progress=moved)
    fields = {
        "input": name,
        "good": not flaws,
        "flaws": [flaw.fields() for flaw in flaws],
        "seconds": round(time.perf_counter() - start, 3),
    }
    sizes = Sizes(read=len(data), coded=len(data), subpixels=decoded.picture.samples.size)
    text = "" if flaws else f"{name}: OK"
    problems = tuple(f"{name}: {flaw.error}" for flaw in flaws)
    return Outcome(text, fields, sizes, exit_of_flaws(flaws), problems)


def _summary(total: Summary) -> str:
    good = total.files - total.failed
    return f"{total.head()}: {good} good, {total.sizes.read:,} bytes, {total.seconds:.1f} s"
