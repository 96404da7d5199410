"""What the wildcard `measure` names, of one model on one data set."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench import schema
    from l3c.bench.measure.models import measure_as_published, measure_bits
    from l3c.data.images import kept_images

    wildcards = snakemake.wildcards
    manifest, weights = Path(snakemake.input.manifest), Path(snakemake.input.weights)
    about = {"dataset": wildcards.dataset, "model": wildcards.model}
    if wildcards.measure == "bits":
        from l3c.bench.measure.crops import choose, cut
        from l3c.models.zoo import open_codec

        images = [(name, cut(image)) for name, image in choose(manifest, snakemake.params.images)]
        rows = measure_bits(about, open_codec(weights, "cpu"), images)
        kind = schema.ChannelBits
    else:
        rows = measure_as_published(about, weights, kept_images(manifest))
        kind = schema.AsPublished
    schema.write(Path(snakemake.output.rows), schema.frame(rows, kind))
