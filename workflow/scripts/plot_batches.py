"""Seconds per image against batch size, beside the published ones."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.batch_figure import draw_batches, published_samples
    from l3c.evaluation.batch_rows import read_batches
    from l3c.evaluation.provenance import read_stamp
    from l3c.evaluation.published import read_published
    from l3c.evaluation.style import save

    published = published_samples(read_published(Path(snakemake.input.published)))
    figure = draw_batches(read_batches(Path(snakemake.input.rows)), published)
    stamp = read_stamp(Path(snakemake.input.provenance))
    save(figure, Path(snakemake.output.svg), Path(snakemake.output.png), stamp)
