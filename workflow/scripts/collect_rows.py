"""Rows of all methods and data sets in one file, checked against the schema and each other."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.evaluation.rows import check_rows, read_failed, read_rows, write_rows

    paths = list(map(Path, snakemake.input.rows))
    rows = [row for path in paths for row in read_rows(path)]
    failed = [row for path in paths for row in read_failed(path)]
    check_rows(rows)
    write_rows(Path(snakemake.output.rows), rows, failed)
