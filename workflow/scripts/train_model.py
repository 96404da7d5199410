"""One learned model: weights, card and metrics, from a recipe and the training images."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.data.datasets import DatasetSpec, deviations
    from l3c.data.images import Store, kept_licences
    from l3c.recipe import Recipe
    from l3c.training.crops import middle_crops
    from l3c.training.loop import train

    manifest = Path(snakemake.input.manifest)
    store = Store(Path(snakemake.input.store).parent, manifest)
    trained_on = (
        snakemake.config["models"][snakemake.wildcards.model].get("train")
        or snakemake.config["train"]
    )
    spec = DatasetSpec.model_validate(snakemake.config["datasets"][trained_on])
    validation = [middle_crops(Path(path)) for path in snakemake.input.validation]
    train(
        Recipe.model_validate(snakemake.params.recipe),
        store,
        data_sha256=store.data_sha256,
        weights=Path(snakemake.output.weights),
        checkpoint=Path(snakemake.params.checkpoint),
        validation=validation[0] if validation else None,
        device=snakemake.params.device,
        # From the configuration, not from params: another label in the tables trains nothing again,
        # and neither do a licence, or a compiler that is switched on or off.
        compiled=bool(snakemake.config.get("compile")),
        name=snakemake.config["models"][snakemake.wildcards.model]["name"],
        about={
            "licence": snakemake.config.get("licence") or "not stated",
            "data_licences": kept_licences(manifest),
            "data_deviations": deviations(spec.prepare),
        },
    )
