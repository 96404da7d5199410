"""Photographs of which more and more scales are sampled, as PNG, and what is stored of each."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.photographs import choose, cut
    from l3c.evaluation.sample_rows import write_sample_rows, write_samples
    from l3c.models.pyramid_codec import as_pyramid_codec
    from l3c.models.zoo import open_codec

    params = snakemake.params
    codec = as_pyramid_codec(open_codec(Path(snakemake.input.weights), "cpu"))
    folder = Path(snakemake.output.images)
    folder.mkdir(parents=True)
    rows = []
    for name, image in choose(Path(snakemake.input.manifest), params.images):
        part = cut(image, 1 << codec.network.scales)
        rows += write_samples(folder, params.dataset, params.model, codec, name, part)
    write_sample_rows(Path(snakemake.output.rows), rows)
