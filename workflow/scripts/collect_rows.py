"""Rows of all methods and data sets in one file, checked against the schema and each other."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.rows import check_rows, read_rows, write_rows

    rows = [row for path in snakemake.input.rows for row in read_rows(Path(path))]
    check_rows(rows)
    write_rows(Path(snakemake.output.rows), rows)
