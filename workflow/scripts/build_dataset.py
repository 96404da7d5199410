"""One data set: images as PNG below images/, and their manifest."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.data.datasets import DatasetSpec, build_dataset

    spec = DatasetSpec.model_validate(snakemake.params.spec)
    build_dataset(spec, Path(snakemake.output.manifest).parent)
