"""Rows of all methods and data sets in one file, checked against the schema and each other."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench import schema

    kind = schema.KINDS[snakemake.wildcards.rows]
    rows = schema.read(map(Path, snakemake.input.rows), kind)
    schema.check(rows, kind)
    schema.write(Path(snakemake.output.rows), rows)
