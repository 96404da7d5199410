"""What each pixel costs, beside the photographs."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.evaluation.cost_maps import cost_map, draw_cost_maps
    from l3c.evaluation.photographs import choose, cut
    from l3c.evaluation.provenance import read_stamp
    from l3c.evaluation.style import PICTURE_DPI, save, words
    from l3c.models.pyramid_codec import PyramidCodec
    from l3c.models.tile_codec import UnsupportedError
    from l3c.models.zoo import open_codec

    params = snakemake.params
    codec = open_codec(Path(snakemake.input.weights), "cpu")
    multiple = 1 << codec.network.scales if isinstance(codec, PyramidCodec) else 1
    try:
        shown = [
            cost_map(codec, name, cut(image, multiple))
            for name, image in choose(Path(snakemake.input.manifest), params.images)
        ]
        figure = draw_cost_maps(shown, params.label)
    except UnsupportedError:
        figure = words(f"{params.label} does not tell the bits of its symbols")
    stamp = read_stamp(Path(snakemake.input.provenance))
    svg, png = Path(snakemake.output.svg), Path(snakemake.output.png)
    save(figure, svg, png, stamp, PICTURE_DPI)
