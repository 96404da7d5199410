"""Bits by scale and channel as stacked bars."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.bits import draw_bits, read_bits
    from l3c.evaluation.provenance import read_stamp
    from l3c.evaluation.style import save

    figure = draw_bits(read_bits(Path(snakemake.input.csv)), snakemake.params.labels)
    stamp = read_stamp(Path(snakemake.input.provenance))
    save(figure, Path(snakemake.output.svg), Path(snakemake.output.png), stamp)
