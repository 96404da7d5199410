"""How long a method takes: for crops, by phase where it has any, or for a model by batch size."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    import numpy as np

    from l3c.bench.measure.crops import crops_of
    from l3c.bench.measure.methods import LearnedMethod
    from l3c.bench.measure.timing import measure_batches, measure_timing
    from l3c.bench.schema import write
    from l3c.data.images import kept_images

    params, weights = snakemake.params, snakemake.input.get("weights")
    method = LearnedMethod(**params.method, weights=Path(weights)) if weights else params.method

    def crops(side: int, count: int):
        """The same ones at every call."""
        return crops_of(lambda: kept_images(Path(snakemake.input.manifest)), side, count)

    if snakemake.rule == "time_batches":
        batches = params.batches
        side, coded = batches["side"], batches["encode_batch_sizes"]
        sampled = [(side, size) for size in batches["sample_batch_sizes"]]
        sampled += [(batches["single"], 1)] if batches["single"] else []
        rows = measure_batches(
            method,
            np.stack([crop for _, crop in crops(side, max(coded, default=1))]),
            sampled=list(dict.fromkeys(sampled)),
            coded=coded,
            repeats=batches["repeats"],
        )
    else:
        timing = params.timing
        rows = measure_timing(
            method,
            params.dataset,
            lambda: crops(timing["side"], timing["crops"]),
            timing["crops"],
            repeats=timing["repeats"],
            threads=sorted({1, snakemake.threads}),
        )
    write(Path(snakemake.output.rows), rows)
