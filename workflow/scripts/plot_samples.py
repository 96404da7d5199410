"""Samples side by side, and what is stored of each as a table."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.provenance import read_id, read_stamp
    from l3c.evaluation.published import read_published, samples_of
    from l3c.evaluation.rows import write_text
    from l3c.evaluation.sample_rows import read_sample_rows, samples_table
    from l3c.evaluation.sampling_figure import draw_samples
    from l3c.evaluation.style import PICTURE_DPI, save

    provenance = Path(snakemake.input.provenance)
    rows = read_sample_rows(Path(snakemake.input.rows))
    published = samples_of(read_published(Path(snakemake.input.published)))
    write_text(Path(snakemake.output.csv), samples_table(rows, published, read_id(provenance)))
    figure = draw_samples(rows, Path(snakemake.input.images), snakemake.params.label)
    stamp = read_stamp(provenance)
    svg, png = Path(snakemake.output.svg), Path(snakemake.output.png)
    save(figure, svg, png, stamp, PICTURE_DPI)
