"""A model that was trained elsewhere, among the models of the run."""

import shutil

from l3c.workflow.job import job

with job(snakemake):
    for name in ("weights", "card"):
        shutil.copyfile(snakemake.input[name], snakemake.output[name])
