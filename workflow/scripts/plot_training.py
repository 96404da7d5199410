"""Learning curves of all models."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.provenance import read_stamp
    from l3c.evaluation.style import save
    from l3c.evaluation.training_curves import draw_training, read_curve

    labels, kinds = snakemake.params.labels, snakemake.params.kinds
    curves = [
        read_curve(key, kinds[key], labels[key], Path(path))
        for key, path in zip(labels, snakemake.input.metrics, strict=True)
    ]
    stamp = read_stamp(Path(snakemake.input.provenance))
    save(draw_training(curves), Path(snakemake.output.svg), Path(snakemake.output.png), stamp)
