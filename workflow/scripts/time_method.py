"""One method on crops: how long encoding and decoding take, by stage where it has any."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.measure.crops import crops_of
    from l3c.bench.measure.methods import MethodSource
    from l3c.bench.measure.timing import TimingPlan, measure_timing
    from l3c.bench.schema import TimingRow, frame, write
    from l3c.data.manifest import kept_images

    manifest = Path(snakemake.input.manifest)
    method = snakemake.params.method
    timing = snakemake.params.timing
    weights = snakemake.input.weights

    def crops():
        """The same ones at every call."""
        return crops_of(lambda: kept_images(manifest), timing["side"], timing["crops"])

    rows, failed = measure_timing(
        MethodSource(
            key=snakemake.wildcards.method,
            entry=method["entry"],
            name=method["name"],
            weights=Path(weights[0]) if weights else None,
            arithmetic=method["arithmetic"],
        ),
        TimingPlan(
            dataset=timing["dataset"],
            crops=crops,
            count=timing["crops"],
            repeats=timing["repeats"],
            threads=tuple(sorted({1, snakemake.threads})),
        ),
    )
    write(Path(snakemake.output.rows), frame([*rows, *failed], TimingRow))
