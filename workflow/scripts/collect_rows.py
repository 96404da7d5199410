"""Rows of all methods and data sets in one file, checked against the schema and each other."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench import schema
    from l3c.bench.checks import check
    from l3c.bench.lossy import LossyRow

    kinds = {
        "rows": schema.ResultRow,
        "timing": schema.TimingRow,
        "batches": schema.BatchRow,
        "bits": schema.ChannelBits,
        "lossy": LossyRow,
    }
    kind = kinds[snakemake.wildcards.rows]
    rows = schema.read_all(map(Path, snakemake.input.rows), kind)
    check(rows, kind)
    schema.write(Path(snakemake.output.rows), rows)
