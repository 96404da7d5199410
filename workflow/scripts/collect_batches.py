"""Batch rows of all models in one file, checked against the schema and each other."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.evaluation.batch_rows import check_batches, read_batches, write_batches

    rows = [row for path in snakemake.input.rows for row in read_batches(Path(path))]
    check_batches(rows)
    write_batches(Path(snakemake.output.rows), rows)
