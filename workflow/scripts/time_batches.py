"""One model by batch size: sampling, encoding and decoding."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    import numpy as np

    from l3c.bench.measure.batch_timing import BatchPlan, measure_batches
    from l3c.bench.measure.crops import crops_of
    from l3c.bench.schema import BatchRow, frame, write
    from l3c.data.manifest import kept_images

    manifest = Path(snakemake.input.manifest)
    method = snakemake.params.method
    batches = snakemake.params.batches
    side = batches["side"]
    crops = crops_of(lambda: kept_images(manifest), side, max(batches["coded"], default=1))
    sampled = [(side, size) for size in batches["sizes"]]
    rows = measure_batches(
        snakemake.wildcards.method,
        method["name"],
        Path(snakemake.input.weights[0]),
        method["arithmetic"],
        BatchPlan(
            dataset=snakemake.params.dataset,
            images=np.stack([crop for _, crop in crops]),
            sampled=sampled + ([(batches["single"], 1)] if batches["single"] else []),
            coded=batches["coded"],
            repeats=batches["repeats"],
        ),
    )
    write(Path(snakemake.output.rows), frame(rows, BatchRow))
