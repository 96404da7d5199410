"""Timing rows, one for each clocked run and each of its stages: columns, types, units."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from l3c.evaluation.rows import FailedRow, MaybeFloat, RowError, read_csv, read_failed, write_csv

TOTAL = "total"
SLACK_S = 1e-6  # stages may exceed their total by so much: sums of rounded numbers


class TimingRow(BaseModel):
    """How long one method took for one crop once, in all or in one stage.

    Stages are there for learned methods, see `l3c.stopwatch`. "coder" is the range coder with the
    CDFs that it evaluates; "range_coder" is that of the coarsest scale, whose CDF is given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(min_length=1, description="key of the data set in the configuration")
    method: str = Field(min_length=1, description="label of the method")
    key: str = Field(pattern=r"^[a-z0-9_]+$", description="key of the method")
    device: Literal["cpu", "cuda"] = Field(description="what computes")
    device_name: str = Field(description="as it names itself")
    threads: int = Field(ge=1, description="threads the method was given")
    image: str = Field(min_length=1, description="name of the crop, see l3c.evaluation.crops")
    height: int = Field(ge=1, description="pixels")
    width: int = Field(ge=1, description="pixels")
    direction: Literal["encode", "decode"]
    stage: Literal["total", "network", "coder", "range_coder", "container"]
    scale: str = Field(pattern=r"^(x|z[1-9])?$", description="of the stage; empty for all together")
    run: int = Field(ge=0, description="counted from 0 after the warm-up")
    seconds: float = Field(ge=0, description="from memory to memory")
    num_bytes: int = Field(ge=1, description="bytes of the whole file")
    in_process: bool = Field(description="false: an external program does it")
    peak_mib: MaybeFloat = Field(
        None, gt=0, description="MiB: peak memory of the process, or of the tensors on the GPU"
    )
    other_load: MaybeFloat = Field(
        None, ge=0, le=1, description="share of the cores that other programs kept busy meanwhile"
    )
    settings: str = Field(description="settings of the method")
    version: str = Field(description="library and version")
    hardware: str = Field(description="processor, cores, memory")
    environment: str = Field(description="versions of Python and the numerical libraries")
    reason: Literal[""] = Field(
        "", description="why the method failed on the crop; rows with a reason have no times"
    )


def write_timing(path: Path, rows: Iterable[TimingRow], failed: Iterable[FailedRow] = ()) -> None:
    """Writes rows as CSV, whole or not at all."""
    write_csv(path, TimingRow, rows, failed)


def read_timing(path: Path) -> list[TimingRow]:
    """Reads rows and checks each against the schema; failures are left out (`read_failed_timing`).

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return read_csv(path, TimingRow)


def read_failed_timing(path: Path) -> list[FailedRow]:
    """The failures among timing rows.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return read_failed(path, TimingRow)


def check_timing(rows: Iterable[TimingRow]) -> None:
    """Checks rows against each other.

    Raises:
        RowError: for a repeated row, stages without a total, or stages that exceed theirs.
    """
    totals: dict[tuple[object, ...], float] = {}
    parts: dict[tuple[object, ...], float] = {}
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        run: tuple[object, ...]
        run = (row.dataset, row.key, row.device, row.threads, row.image, row.direction, row.run)
        if (*run, row.stage, row.scale) in seen:
            raise RowError(f"{_name(run)}: stage {row.stage} of scale {row.scale!r} is there twice")
        seen.add((*run, row.stage, row.scale))
        if row.stage == TOTAL:
            totals[run] = row.seconds
        else:
            parts[run] = parts.get(run, 0.0) + row.seconds
    for run, seconds in parts.items():
        if run not in totals:
            raise RowError(f"{_name(run)}: stages without a total")
        if seconds > totals[run] + SLACK_S:
            raise RowError(f"{_name(run)}: stages take {seconds} s of {totals[run]} s")


def _name(run: tuple[object, ...]) -> str:
    dataset, key, device, threads, image, direction, number = run
    return (
        f"method {key}, {direction} run {number} of {image} of {dataset} on {device}, "
        f"{threads} threads"
    )
