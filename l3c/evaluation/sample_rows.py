"""Images of which some scales were sampled: what was stored of each (L3C Sec. 5.4), as rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from l3c.data.images import write_png
from l3c.evaluation.published import PublishedValue
from l3c.evaluation.rows import read_csv, write_csv
from l3c.models.pyramid_codec import PyramidCodec
from l3c.models.tile_codec import RGB


class SampleRow(BaseModel):
    """One image of a ladder of samples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(min_length=1, description="key of the data set")
    model: str = Field(min_length=1, description="key of the model")
    image: str = Field(min_length=1, description="name of the photograph")
    height: int = Field(ge=1, description="pixels of what was taken of it")
    width: int = Field(ge=1, description="pixels of what was taken of it")
    sampled: str = Field(description='"x" or "x z1", ...; empty for the photograph itself')
    stored: str = Field(description='scales that they were sampled given, as "z1 z2 z3"')
    bpsp: float = Field(gt=0, description="bits per sub-pixel: cross-entropy of what is stored")
    uniform_bpsp: float = Field(
        gt=0, description="of z^(S) alone: C log2(L) / (3 * 4^S) where 2^S divides H and W"
    )
    file: str = Field(min_length=1, description="the PNG, in the folder of the samples")


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
    scales = codec.network.scales
    names = ["x", *(f"z{s}" for s in range(1, scales + 1))]
    height, width = image.shape[:2]
    top = codec.uniform_bpsp(height, width)
    rows = []
    for count, sample in enumerate(codec.sample_parts(image)):
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
                uniform_bpsp=top,
                file=file,
            )
        )
    return rows


def write_sample_rows(path: Path, rows: Iterable[SampleRow]) -> None:
    """Writes rows as CSV, whole or not at all; floats keep every digit."""
    write_csv(path, SampleRow, rows)


def read_sample_rows(path: Path) -> list[SampleRow]:
    """Reads rows and checks each against the schema.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return read_csv(path, SampleRow)


def samples_table(
    rows: Sequence[SampleRow], published: Sequence[PublishedValue], provenance: str
) -> str:
    """What is stored, beside the paper's example, as CSV.

    Args:
        rows: of any number of photographs.
        published: see `published.samples_of`; of another image and model, only the order compares.
        provenance: short id of the run.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["dataset", "model", "image", "sampled", "stored", "bpsp", "uniform_bpsp"]
    writer.writerow([*head, "published_bpsp", "published_example", "provenance"])
    for row in rows:
        count = len(row.sampled.split())
        value = published[count] if count < len(published) else None
        paper = [value.value, value.label] if value else ["", ""]
        rates = [f"{row.bpsp:.6f}", f"{row.uniform_bpsp:.6f}"]
        words = [row.dataset, row.model, row.image, row.sampled, row.stored]
        writer.writerow([*words, *rates, *paper, provenance])
    return text.getvalue()
