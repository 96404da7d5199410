"""Bits per sub-pixel by method."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.figures import draw_bpsp
    from l3c.evaluation.provenance import read_stamp
    from l3c.evaluation.published import read_published
    from l3c.evaluation.rows import read_rows
    from l3c.evaluation.style import save

    params = snakemake.params
    published = read_published(Path(snakemake.input.published))
    rows = read_rows(Path(snakemake.input.rows))
    figure = draw_bpsp(rows, params.learned, published, params.published, params.published_as)
    stamp = read_stamp(Path(snakemake.input.provenance))
    save(figure, Path(snakemake.output.svg), Path(snakemake.output.png), stamp)
