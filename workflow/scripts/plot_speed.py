"""Bits per sub-pixel against decoding time."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.figures import draw_speed
    from l3c.evaluation.provenance import read_stamp
    from l3c.evaluation.rows import read_rows
    from l3c.evaluation.style import save

    rows = read_rows(Path(snakemake.input.rows))
    figure = draw_speed(rows, snakemake.params.learned, snakemake.params.repeats)
    stamp = read_stamp(Path(snakemake.input.provenance))
    save(figure, Path(snakemake.output.svg), Path(snakemake.output.png), stamp)
