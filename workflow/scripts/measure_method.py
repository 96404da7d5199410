"""One method on one data set: bitstreams and rows."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from coder import cuda
    from l3c.bench.measure.files import measure
    from l3c.bench.measure.methods import LearnedMethod
    from l3c.bench.schema import write
    from l3c.data.images import kept_images, kept_rows
    from l3c.models.zoo import NoArithmeticError, open_codec

    manifest = Path(snakemake.input.manifest)
    params, weights = snakemake.params, snakemake.input.get("weights")
    method = LearnedMethod(**params.method, weights=Path(weights)) if weights else params.method
    if weights and params.device == "cuda" and cuda.available():
        with suppress(NoArithmeticError):  # of a family that codes on the CPU only
            open_codec(method.weights, "cuda", method.arithmetic)
            method = replace(method, device="cuda")
    rows = measure(
        method,
        kept_images(manifest),
        len(kept_rows(manifest)),
        dataset=snakemake.wildcards.dataset,
        run=Path(snakemake.config["run"]),
        streams=Path(snakemake.output.streams),
        threads=snakemake.threads,
        repeats=params.repeats,
    )
    write(Path(snakemake.output.rows), rows)
