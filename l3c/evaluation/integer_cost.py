"""What the integer path costs against the float network: bytes and seconds by scale."""

from __future__ import annotations

import csv
import io
import itertools
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from l3c.arithmetic import KINDS
from l3c.evaluation.environment import environment, hardware
from l3c.evaluation.layout import markdown_table
from l3c.evaluation.rows import read_csv, write_csv
from l3c.models.pyramid_codec import PyramidCodec, as_pyramid_codec
from l3c.models.tile_codec import UnsupportedError
from l3c.models.zoo import NoIntegersError, open_codec

REPEATS = 5
SIDE = 1024  # of an image, at most so much is taken
IMAGES = 16  # of a data set, the first; a difference of paths needs no more


class IntegerCost(BaseModel):
    """Sums over the images of a data set, of one scale of one model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(min_length=1, description="key of the data set")
    model: str = Field(min_length=1, description="key of the model")
    scale: str = Field(pattern=r"^(x|z[1-9]|total)$", description="whose symbols are coded")
    images: int = Field(ge=1, description="how many")
    float_bytes: int = Field(ge=0, description="of the streams of that scale, float network")
    integer_bytes: int = Field(ge=0, description="the same, integer path")
    float_s: float = Field(
        ge=0, description="seconds to predict its parameters, medians over runs that take turns"
    )
    integer_s: float = Field(ge=0, description="the same, integer path")
    hardware: str = Field(description="processor, cores, memory")
    environment: str = Field(description="versions of Python and the numerical libraries")

    @property
    def bytes_percent(self) -> float:
        """Bytes of the integer path above those of the float network, in percent."""
        return 100 * (self.integer_bytes / self.float_bytes - 1)

    @property
    def time_ratio(self) -> float:
        """Seconds of the integer path over those of the float network; nan without any."""
        return self.integer_s / self.float_s if self.float_s else float("nan")


def measure_cost(
    dataset: str, model: str, weights: Path, images: Iterable[npt.NDArray[np.uint8]]
) -> list[IntegerCost]:
    """Encodes images with both paths of a model on the CPU.

    Args:
        dataset: for the rows.
        model: for the rows.
        weights: of the model.
        images: uint8 (H, W, 3), each coded as one tile, cut to SIDE; the first IMAGES are taken.

    Returns:
        One row for each scale, the finest first, and the total; none for a model without integers
        or without scales.
    """
    try:
        codecs = [as_pyramid_codec(open_codec(weights, "cpu", kind)) for kind in KINDS[::-1]]
    except (NoIntegersError, UnsupportedError) as error:
        print(f"{model}: no cost of integers: {error}", file=sys.stderr)
        return []
    scales = codecs[0].network.scales
    num_bytes = np.zeros((2, scales + 1), int)
    seconds = np.zeros((2, scales + 1))
    count = 0
    for image in itertools.islice(images, IMAGES):
        count += 1
        image = image[:SIDE, :SIDE]
        for i, codec in enumerate(codecs):
            top, *streams = codec.encode(image)
            num_bytes[i, scales] += len(top)
            for step, stream in zip(codec.network.steps, streams, strict=True):
                num_bytes[i, step.s - 1] += len(stream)
        with torch.inference_mode():
            planes = codecs[0].symbols(image)
            runs = [[_seconds(codec, planes) for codec in codecs] for _ in range(REPEATS + 1)]
        for i in range(2):
            for s in range(scales):
                seconds[i, s] += statistics.median(run[i][s] for run in runs[1:])
    names = ["x", *(f"z{s}" for s in range(1, scales + 1))]
    parts = [(name, slice(s, s + 1)) for s, name in enumerate(names)] + [("total", slice(None))]
    machine = {"hardware": hardware(), "environment": environment()}
    rows = []
    for name, part in parts:
        float_bytes, integer_bytes = (int(n) for n in num_bytes[:, part].sum(axis=1))
        float_s, integer_s = (round(float(n), 6) for n in seconds[:, part].sum(axis=1))
        rows.append(
            IntegerCost(
                dataset=dataset,
                model=model,
                scale=name,
                images=count,
                float_bytes=float_bytes,
                integer_bytes=integer_bytes,
                float_s=float_s,
                integer_s=integer_s,
                **machine,
            )
        )
    return rows


def _seconds(codec: PyramidCodec, planes: list[Tensor]) -> list[float]:
    """Of predicting the parameters of z^(0), ..., z^(S-1)."""
    spent = [0.0] * codec.network.scales
    start = time.perf_counter()
    for step, _ in codec.predictions(planes):
        now = time.perf_counter()
        spent[step.s - 1] += now - start
        start = now
    return spent


def write_cost(path: Path, rows: Iterable[IntegerCost]) -> None:
    """Writes rows as CSV, whole or not at all."""
    write_csv(path, IntegerCost, rows)


def read_cost(path: Path) -> list[IntegerCost]:
    """Reads rows and checks each against the schema.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return read_csv(path, IntegerCost)


def cost_csv(rows: Sequence[IntegerCost], provenance: str) -> str:
    """The table of all rows, with percent and ratio.

    Args:
        rows: to show.
        provenance: short id of the run.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*IntegerCost.model_fields, "bytes_percent", "time_ratio", "provenance"])
    for row in rows:
        derived = [f"{row.bytes_percent:.4f}", f"{row.time_ratio:.4f}"]
        writer.writerow([*row.model_dump().values(), *derived, provenance])
    return text.getvalue()


def cost_markdown(
    rows: Sequence[IntegerCost], labels: Mapping[str, str], notes: Sequence[str]
) -> str:
    """A table for each data set.

    Args:
        rows: to show.
        labels: key of a model -> its name.
        notes: to stand below.
    """
    head = (
        ("Model", "l"),
        ("scale", "l"),
        ("float32, bytes", "r"),
        ("integer, bytes", "r"),
        ("more", "r"),
        ("float32, s", "r"),
        ("integer, s", "r"),
        ("ratio", "r"),
    )
    parts = ["# What integers cost", ""]
    for dataset in dict.fromkeys(row.dataset for row in rows):
        lines = [
            [
                labels.get(row.model, row.model),
                row.scale,
                f"{row.float_bytes:,}",
                f"{row.integer_bytes:,}",
                f"{row.bytes_percent:+.3f} %",
                f"{row.float_s:.4f}" if row.float_s else "-",
                f"{row.integer_s:.4f}" if row.integer_s else "-",
                f"{row.time_ratio:.2f}" if row.float_s else "-",
            ]
            for row in rows
            if row.dataset == dataset
        ]
        count = next(row.images for row in rows if row.dataset == dataset)
        images = f"{count} image{'' if count == 1 else 's'}"
        parts += [f"## {dataset}, {images}", "", *markdown_table(head, lines), ""]
    if not rows:
        parts += ["No measured model has integers.", ""]
    parts += [
        f"* Bytes of the streams of each scale, of the first {IMAGES} images of a data set; "
        "the coarsest has a uniform CDF in both.",
        "* Seconds to predict the mixture parameters of that scale on the CPU, medians of runs in "
        "which both take turns. The float network and the integer path predict the same things.",
        *dict.fromkeys(f"* Measured on {row.hardware}; {row.environment}." for row in rows),
        *(f"* {note}" for note in notes),
    ]
    return "\n".join(parts) + "\n"
