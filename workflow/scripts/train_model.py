"""One learned model: weights, card and metrics, from a recipe and the training images."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.config import Recipe
    from l3c.data.datasets import kept_images, manifest_sha256
    from l3c.training.loop import train

    manifest = Path(snakemake.input.manifest)
    train(
        Recipe.model_validate(snakemake.params.recipe),
        dict(kept_images(manifest)),
        data_sha256=manifest_sha256(manifest),
        weights=Path(snakemake.output.weights),
        checkpoint=Path(snakemake.params.checkpoint),
        # From the configuration, not from params: another label in the tables trains nothing again.
        name=snakemake.config["models"][snakemake.wildcards.model]["name"],
    )
