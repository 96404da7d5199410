"""Photographs of which more and more scales are sampled, as PNG, and what is stored of each."""

import sys
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.measure.crops import choose, cut
    from l3c.bench.measure.models import write_samples
    from l3c.bench.schema import SampleRow, frame, write
    from l3c.models.pyramid_codec import as_pyramid_codec
    from l3c.models.tile_codec import UnsupportedError
    from l3c.models.zoo import open_codec

    params = snakemake.params
    folder = Path(snakemake.output.images)
    folder.mkdir(parents=True)
    rows, about = [], {"dataset": params.dataset, "model": params.model}
    try:
        codec = as_pyramid_codec(open_codec(Path(snakemake.input.weights), "cpu"))
        for name, image in choose(Path(snakemake.input.manifest), params.images):
            part = cut(image, 1 << codec.network.scales)
            rows += write_samples(folder, about, codec, name, part)
    except UnsupportedError as error:  # the figure will say so
        print(f"{params.model}: {error}", file=sys.stderr)
    write(Path(snakemake.output.rows), frame(rows, SampleRow))
