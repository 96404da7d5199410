"""Bottlenecks as heat maps beside the photographs."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.heat_maps import bottlenecks, draw_heat_maps
    from l3c.evaluation.photographs import choose, cut
    from l3c.evaluation.provenance import read_stamp
    from l3c.evaluation.style import PICTURE_DPI, save
    from l3c.models.pyramid_codec import as_pyramid_codec
    from l3c.models.zoo import open_codec

    params = snakemake.params
    codec = as_pyramid_codec(open_codec(Path(snakemake.input.weights), "cpu"))
    shown = [
        bottlenecks(codec, name, cut(image, 1 << codec.network.scales))
        for name, image in choose(Path(snakemake.input.manifest), params.images)
    ]
    figure = draw_heat_maps(shown, params.label)
    stamp = read_stamp(Path(snakemake.input.provenance))
    svg, png = Path(snakemake.output.svg), Path(snakemake.output.png)
    save(figure, svg, png, stamp, PICTURE_DPI)
