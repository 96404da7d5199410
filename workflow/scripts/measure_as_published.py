"""Rates of one model on one data set by the rules of the authors' release."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.measure.as_published import measure_as_published
    from l3c.bench.schema import AsPublished, frame, write
    from l3c.data.manifest import kept_images

    rows = measure_as_published(
        snakemake.wildcards.dataset,
        snakemake.wildcards.model,
        Path(snakemake.input.weights),
        kept_images(Path(snakemake.input.manifest)),
    )
    write(Path(snakemake.output.rows), frame(rows, AsPublished))
