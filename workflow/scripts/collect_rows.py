"""Rows of all methods and data sets in one file, checked against the schema and each other."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench import schema
    from l3c.bench.checks import check

    kinds = {
        "rows": "ResultRow",
        "timing": "TimingRow",
        "batches": "BatchRow",
        "bits": "ChannelBits",
    }
    kind = getattr(schema, kinds[snakemake.wildcards.rows])
    rows = schema.read_all(map(Path, snakemake.input.rows), kind)
    check(rows, kind)
    schema.write(Path(snakemake.output.rows), rows)
