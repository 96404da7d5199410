"""One data set: images as PNG below images/, and their manifest."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.data.datasets import DatasetSpec, build_dataset, merge_shards

    spec = DatasetSpec.model_validate(snakemake.params.spec)
    folder = Path(snakemake.output.manifest).parent
    if spec.shards > 1:
        merge_shards(spec, folder)
    else:
        build_dataset(spec, folder)
