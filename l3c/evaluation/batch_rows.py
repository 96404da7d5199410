"""Batch rows, one for each clocked batch of images: columns, types, units."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from l3c.evaluation.rows import MaybeFloat, RowError, read_csv, write_csv


class BatchRow(BaseModel):
    """How long a model took for one batch once.

    Images are sampled all together. Each is encoded into a file of its own; a network in integers
    predicts them together, see `l3c.evaluation.batches`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(pattern=r"^[a-z0-9_]+$", description="key of the model")
    method: str = Field(min_length=1, description="label of the model")
    device: Literal["cpu", "cuda"] = Field(description="what computes")
    device_name: str = Field(description="as it names itself")
    threads: int = Field(ge=1, description="threads the model was given")
    side: int = Field(ge=1, description="pixels: height and width of each image")
    batch: int = Field(ge=1, description="images")
    operation: Literal["sample", "encode", "decode"]
    run: int = Field(ge=0, description="counted from 0 after the warm-up")
    seconds: float = Field(gt=0, description="of the whole batch")
    other_load: MaybeFloat = Field(
        None, ge=0, le=1, description="share of the cores that other programs kept busy meanwhile"
    )
    hardware: str = Field(description="processor, cores, memory")
    environment: str = Field(description="versions of Python and the numerical libraries")


def write_batches(path: Path, rows: Iterable[BatchRow]) -> None:
    """Writes rows as CSV, whole or not at all."""
    write_csv(path, BatchRow, rows)


def read_batches(path: Path) -> list[BatchRow]:
    """Reads rows and checks each against the schema.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return read_csv(path, BatchRow)


def check_batches(rows: Iterable[BatchRow]) -> None:
    """Checks rows against each other.

    Raises:
        RowError: for a repeated row.
    """
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        run = (row.key, row.device, row.threads, row.side, row.batch, row.operation, row.run)
        if run in seen:
            raise RowError(
                f"model {row.key}: {row.operation} run {row.run} of {row.batch} images of "
                f"{row.side}x{row.side} is there twice"
            )
        seen.add(run)
