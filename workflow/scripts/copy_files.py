"""Copies each input to the output in the same place of the list."""

import shutil

from l3c.workflow.job import job

with job(snakemake):
    for source, target in zip(snakemake.input, snakemake.output, strict=True):
        shutil.copyfile(source, target)
