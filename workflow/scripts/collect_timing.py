"""Timing rows of all methods in one file, checked against the schema and each other."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.evaluation.timing_rows import (
        check_timing,
        read_failed_timing,
        read_timing,
        write_timing,
    )

    paths = list(map(Path, snakemake.input.rows))
    rows = [row for path in paths for row in read_timing(path)]
    failed = [row for path in paths for row in read_failed_timing(path)]
    check_timing(rows)
    write_timing(Path(snakemake.output.rows), rows, failed)
