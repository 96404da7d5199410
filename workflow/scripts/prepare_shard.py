"""A share of the images of a data set, as PNG, and their rows of the manifest."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.data.datasets import DatasetSpec, build_shard

    spec = DatasetSpec.model_validate(snakemake.params.spec)
    build_shard(spec, Path(snakemake.output.rows).parents[1], int(snakemake.wildcards.shard))
