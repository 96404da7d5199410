"""Rows, files and some reconstructions of one lossy method on one data set; no rows without it."""

import sys
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from baselines.lossy import LOSSY_METHODS
    from l3c.bench import schema
    from l3c.bench.lossy import LearnedLossy, measure_lossy
    from l3c.data.images import kept_images

    given, params = snakemake.input, snakemake.params
    codec = LOSSY_METHODS.get(snakemake.wildcards.lossy)
    weights = [Path(path).resolve() for path in given.weights]
    method = codec() if codec else LearnedLossy(params.name, weights)
    streams = Path(snakemake.output.streams)
    rows = schema.frame([], schema.LossyRow)
    streams.mkdir(parents=True)
    if reason := method.why_unavailable():
        print(f"not measured: {method.name}: {reason}", file=sys.stderr)
    else:
        images = kept_images(Path(given.manifest))
        rows = measure_lossy(
            snakemake.wildcards.dataset, images, method, streams.parent, params.saved
        )
    schema.write(Path(snakemake.output.rows), rows)
