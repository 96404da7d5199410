"""One method on one data set: bitstreams, rows, and the record of how it was measured."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.measure.files import Measurement, measure
    from l3c.bench.measure.methods import MethodSource
    from l3c.bench.schema import ResultRow, frame, write, write_record
    from l3c.data.manifest import kept_images, read_manifest

    manifest = Path(snakemake.input.manifest)
    method = snakemake.params.method
    weights = snakemake.input.get("weights")
    streams = Path(snakemake.output.streams)
    streams.mkdir(parents=True, exist_ok=True)
    measured = measure(
        MethodSource(
            key=snakemake.wildcards.method,
            entry=method["entry"],
            name=method["name"],
            weights=Path(weights) if weights else None,
            arithmetic=method["arithmetic"],
        ),
        kept_images(manifest),
        sum(row.status == "kept" for row in read_manifest(manifest)),
        Measurement(
            dataset=snakemake.wildcards.dataset,
            run=Path(snakemake.config["run"]),
            streams=streams,
            threads=snakemake.threads,
            repeats=snakemake.params.repeats,
        ),
    )
    write(Path(snakemake.output.rows), frame([*measured.rows, *measured.failed], ResultRow))
    write_record(Path(snakemake.output.record), measured.record)
