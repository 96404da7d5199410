"""One piece of work on several files: what goes wrong with one does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from l3c.cli.inputs import Job
from l3c.cli.outcome import Outcome
from l3c.cli.report import Report

Work = Callable[[Job, Report], Outcome]


class InputError(ValueError):
    """An input that cannot be used, known before it is read."""


def run_jobs(jobs: Sequence[Job], work: Work, report: Report) -> None:
    """Does the work on each file and reports what came of it.

    What the classes of errors have in common is that files cause them. Others are mistakes of this
    program, and are not caught.
    """
    for job in jobs:
        try:
            if job.problem:
                raise InputError(job.problem)
            outcome = work(job, report)
        except BrokenPipeError:
            raise
        except (ValueError, OSError, MemoryError) as error:
            report.fail(job.source.name, error)
        else:
            report.add(outcome)
