"""Images of which some scales were sampled: what was stored of each (L3C Sec. 5.4), as rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from l3c.codec import RGB, Codec
from l3c.data.images import write_png
from l3c.evaluation.published import PublishedValue
from l3c.sampling import sample_scales, uniform_bpsp


@dataclass(frozen=True)
class SampleRow:
    """One image of a ladder of samples.

    Attributes:
        dataset, model: keys.
        image: name of the photograph.
        height, width: pixels of what was taken of it.
        sampled: the scales that were sampled, as "x" or "x z1"; empty for the photograph itself.
        stored: the scales that they were sampled given, as "z1 z2 z3".
        bpsp: cross-entropy of what is stored, in bits per sub-pixel.
        uniform_bpsp: of z^(S) alone, by its size: C log2(L) / (3 * 4^S) where 2^S divides H and W.
        file: the PNG, in the folder of the samples.
    """

    dataset: str
    model: str
    image: str
    height: int
    width: int
    sampled: str
    stored: str
    bpsp: float
    uniform_bpsp: float
    file: str


def write_samples(
    folder: Path, dataset: str, model: str, codec: Codec, name: str, image: RGB
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
    top = uniform_bpsp(codec.network, height, width)
    rows = []
    for count, sample in enumerate(sample_scales(codec, image)):
        file = f"{name}-{sample.name}.png"
        write_png(folder / file, sample.image)
        sampled, stored = " ".join(names[:count]), " ".join(names[count:])
        rows.append(
            SampleRow(dataset, model, name, height, width, sampled, stored, sample.bpsp, top, file)
        )
    return rows


def rows_csv(rows: Sequence[SampleRow]) -> str:
    """All rows; floats keep every digit."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [item.name for item in fields(SampleRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, rows))
    return text.getvalue()


def read_sample_rows(path: Path) -> list[SampleRow]:
    """Inverse of `rows_csv`."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            SampleRow(
                row["dataset"],
                row["model"],
                row["image"],
                int(row["height"]),
                int(row["width"]),
                row["sampled"],
                row["stored"],
                float(row["bpsp"]),
                float(row["uniform_bpsp"]),
                row["file"],
            )
            for row in csv.DictReader(file)
        ]


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
