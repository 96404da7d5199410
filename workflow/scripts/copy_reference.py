"""Copies rows, tables and figures of a run to results/reference/."""

import shutil

from l3c.workflow.job import job

with job(snakemake):
    for source, target in zip(snakemake.input, snakemake.output, strict=True):
        shutil.copyfile(source, target)
