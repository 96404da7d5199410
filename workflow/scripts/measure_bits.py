"""Bits by scale and channel of all models, one row for each channel of each image."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.measure.bits import measure_bits
    from l3c.bench.measure.photographs import choose, cut
    from l3c.bench.schema import ChannelBits, frame, write
    from l3c.models.zoo import open_codec

    params = snakemake.params
    chosen = choose(Path(snakemake.input.manifest), params.images)
    images = [(name, cut(image)) for name, image in chosen]
    rows = []
    for model, weights in zip(params.models, snakemake.input.weights, strict=True):
        codec = open_codec(Path(weights), "cpu")
        rows += measure_bits(params.dataset, model, codec, images)
    write(Path(snakemake.output.csv), frame(rows, ChannelBits))
