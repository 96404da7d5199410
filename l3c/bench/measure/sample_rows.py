"""Images of which some scales were sampled: what was stored of each (L3C Sec. 5.4), as rows."""

from __future__ import annotations

from pathlib import Path

from l3c.bench.schema import SampleRow
from l3c.data.images import write_png
from l3c.models.pyramid_codec import PyramidCodec
from l3c.models.tile_codec import RGB


def write_samples(
    folder: Path, dataset: str, model: str, codec: PyramidCodec, name: str, image: RGB
) -> list[SampleRow]:
    """Samples a photograph, writes each image as `<name>-<what was sampled>.png`.

    Args:
        folder: to write to; it exists.
        dataset: for the rows.
        model: for the rows.
        codec: of the model.
        name: of the photograph.
        image: uint8 (H, W, 3).
    """
    names, (height, width) = codec.network.parts, image.shape[:2]
    rows, samples = [], codec.sample_parts(image)
    for count, sample in enumerate(samples):
        file = f"{name}-{sample.name}.png"
        write_png(folder / file, sample.image)
        rows.append(
            SampleRow(
                dataset=dataset,
                model=model,
                image=name,
                height=height,
                width=width,
                sampled=" ".join(names[:count]),
                stored=" ".join(names[count:]),
                bpsp=sample.bpsp,
                uniform_bpsp=samples[-1].bpsp,
                file=file,
            )
        )
    return rows
