"""Bytes and seconds of one model on one data set, in float32 and in integers."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.measure.integer_cost import measure_cost
    from l3c.bench.schema import IntegerCost, frame, write
    from l3c.data.manifest import kept_images

    rows = measure_cost(
        snakemake.wildcards.dataset,
        snakemake.wildcards.model,
        Path(snakemake.input.weights),
        (image for _, image in kept_images(Path(snakemake.input.manifest))),
    )
    write(Path(snakemake.output.rows), frame(rows, IntegerCost))
