"""Rows as a run writes them, without a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from l3c.bench.measure.provenance import CodeState, Provenance
from l3c.bench.schema import (
    BatchRow,
    FailedRow,
    MethodRecord,
    ResultRow,
    Row,
    TimingRow,
    frame,
    measured,
    read,
    rows_of,
    write,
)


def result_row(**fields: Any) -> Row:
    """A row of a 10 x 20 image; keywords replace fields, bpsp follows num_bytes."""
    values: dict[str, Any] = {
        "dataset": "toy",
        "method": "PNG",
        "key": "png",
        "image": "a",
        "height": 10,
        "width": 20,
        "num_bytes": 300,
        "cross_entropy_bits": None,
        "encode_s": 0.25,
        "decode_s": 0.125,
        "lossless": True,
        "in_process": True,
        "settings": "level=9",
        "version": "libpng 1.6",
        "stream": "streams/toy/png/a.png",
        "pixel_sha256": "0" * 64,
        "threads": 2,
        "hardware": "a machine, 2 cores",
        "environment": "Python 3.11",
    } | fields
    bits = 8 * values["num_bytes"] / (3 * values["height"] * values["width"])
    return ResultRow(**({"bpsp": bits} | values))


def timing_row(**fields: Any) -> Row:
    """The total of an encoding run; keywords replace fields."""
    values: dict[str, Any] = {
        "dataset": "toy",
        "method": "L3C",
        "key": "l3c",
        "device": "cpu",
        "device_name": "a processor",
        "threads": 2,
        "image": "a+0+0",
        "height": 512,
        "width": 512,
        "direction": "encode",
        "phase": "total",
        "scale": "",
        "run": 0,
        "seconds": 0.25,
        "num_bytes": 300,
        "in_process": True,
        "peak_mib": None,
        "settings": "integer",
        "version": "torch 2",
        "hardware": "a machine, 2 cores",
        "environment": "Python 3.11",
    }
    return TimingRow(**(values | fields))


def batch_row(**fields: Any) -> Row:
    """One image sampled; keywords replace fields."""
    values: dict[str, Any] = {
        "key": "l3c",
        "method": "L3C",
        "device": "cpu",
        "device_name": "a processor",
        "threads": 2,
        "side": 32,
        "batch": 1,
        "operation": "sample",
        "run": 0,
        "seconds": 0.5,
        "hardware": "a machine, 2 cores",
        "environment": "Python 3.11",
    }
    return BatchRow(**(values | fields))


def failed_row(**fields: Any) -> Row:
    """A method that raised on a 10 x 20 image; keywords replace fields."""
    values = result_row().model_dump(include=set(FailedRow.model_fields))
    return FailedRow(**(values | {"reason": "encode: RuntimeError: no idea"} | fields))


def frame_of(rows: Iterable[Any]) -> pd.DataFrame:
    """Rows of one kind, at least one, as figures read them from their file."""
    listed = list(rows)
    return frame(listed, type(listed[0]))


def method_record(**fields: Any) -> Row:
    """The record of a measured method; keywords replace fields."""
    values = {"dataset": "toy", "key": "png", "method": "PNG", "measured": True, "reason": ""}
    return MethodRecord(**(values | {"settings": "level=9", "version": "libpng 1.6"} | fields))


def results(rows: Iterable[Row]) -> pd.DataFrame:
    """A table of results and failures."""
    return frame(rows, ResultRow)


def write_results(path: Path, rows: Iterable[Row]) -> None:
    """The rows.csv of a run."""
    write(path, results(rows))


def records(*found: Row) -> pd.DataFrame:
    """The records of methods, as tables read them."""
    return frame(found, MethodRecord)


def rows_in(path: Path, kind: type[Row] = ResultRow) -> list[Any]:
    """The rows of a file that have results."""
    return list(rows_of(measured(read(path, kind))))


def provenance(commit: str = "c0ffee", changed: bool = False, **fields: Any) -> Provenance:
    """What a run was made from; keywords replace fields."""
    values: dict[str, Any] = {"configuration": {}, "data": {}, "models": {}}
    values |= {"versions": {"numpy": "2.0"}}
    return Provenance(code=CodeState(commit, changed), **(values | fields))
