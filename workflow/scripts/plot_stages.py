"""Where the time of learned methods goes, by scale and stage."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.provenance import read_stamp
    from l3c.evaluation.stage_figure import draw_stages
    from l3c.evaluation.style import save
    from l3c.evaluation.timing_rows import read_timing

    figure = draw_stages(read_timing(Path(snakemake.input.rows)))
    stamp = read_stamp(Path(snakemake.input.provenance))
    save(figure, Path(snakemake.output.svg), Path(snakemake.output.png), stamp)
