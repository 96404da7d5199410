"""One method on one data set: bitstreams and rows."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from coder import cuda
    from l3c.bench.measure.files import measure
    from l3c.bench.measure.methods import MethodSource
    from l3c.bench.schema import write
    from l3c.data.images import kept_images, read_manifest
    from l3c.models.tile_codec import UnsupportedError

    manifest = Path(snakemake.input.manifest)
    params, weights = snakemake.params, snakemake.input.get("weights")
    source = MethodSource(**params.method, weights=Path(weights) if weights else None)
    if weights and params.device == "cuda" and cuda.available():
        on_gpu = replace(source, device="cuda")
        with suppress(UnsupportedError):  # of a family that codes on the CPU only
            on_gpu.load()
            source = on_gpu
    rows = measure(
        source,
        kept_images(manifest),
        sum(row.status == "kept" for row in read_manifest(manifest)),
        dataset=snakemake.wildcards.dataset,
        run=Path(snakemake.config["run"]),
        streams=Path(snakemake.output.streams),
        threads=snakemake.threads,
        repeats=params.repeats,
    )
    write(Path(snakemake.output.rows), rows)
