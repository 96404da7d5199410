"""One learned model: weights, card and metrics, from a recipe and the training images."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.config import Recipe
    from l3c.data.datasets import manifest_sha256
    from l3c.data.store import Store
    from l3c.training.loop import train

    data_sha256 = manifest_sha256(Path(snakemake.input.manifest))
    train(
        Recipe.model_validate(snakemake.params.recipe),
        Store(Path(snakemake.input.store).parent, data_sha256),
        data_sha256=data_sha256,
        weights=Path(snakemake.output.weights),
        checkpoint=Path(snakemake.params.checkpoint),
        # From the configuration, not from params: another label in the tables trains nothing again.
        name=snakemake.config["models"][snakemake.wildcards.model]["name"],
    )
