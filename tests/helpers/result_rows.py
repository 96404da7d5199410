"""Rows as a run writes them, without a run."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from l3c.bench.measure.provenance import CodeState, Provenance
from l3c.bench.schema import (
    KINDS,
    BatchRow,
    FailedRow,
    LossyRow,
    ResultRow,
    Row,
    TimingRow,
    frame,
    measured,
    read,
    rows_of,
    write,
)

_COLUMNS: dict[str, Any] = {
    "dataset": "toy",
    "model": "l3c",
    "image": "a",
    "height": 10,
    "width": 20,
    "num_bytes": 300,
    "encode_s": 0.25,
    "decode_s": 0.125,
    "lossless": True,
    "in_process": True,
    "stream": "streams/toy/png/a.png",
    "pixel_sha256": "0" * 64,
    "threads": 2,
    "hardware": "a machine, 2 cores",
    "environment": "Python 3.11",
    "device": "cpu",
    "device_name": "a processor",
    "direction": "encode",
    "phase": "total",
    "scale": "",
    "run": 0,
    "side": 32,
    "batch": 1,
    "operation": "sample",
    "seconds": 0.25,
    "header_bytes": 9,
    "point": 20.0,
    "psnr": 30.0,
    "ms_ssim": 0.9,
}


_PNG = {"method": "PNG", "key": "png", "settings": "level=9", "version": "libpng 1.6"}
_L3C = {"method": "L3C", "key": "l3c", "settings": "integer", "version": "torch 2"}
_JPEG = {"method": "JPEG", "key": "jpeg", "version": "libjpeg", "bpp": 12.0}
_OF_KIND: dict[type[Row], dict[str, Any]] = {
    ResultRow: _PNG,
    FailedRow: _PNG | {"reason": "encode: RuntimeError: no idea"},
    TimingRow: _L3C | {"image": "a+0+0", "height": 512, "width": 512},
    BatchRow: {"method": "L3C", "key": "l3c", "seconds": 0.5},
    LossyRow: _JPEG,
}


def row(kind: type[Row], **fields: Any) -> Row:
    """A row of any kind; keywords replace columns and add those that have no default here.

    The bpsp of a result follows its num_bytes, that of a lossy row its bpp.
    """
    values = _COLUMNS | _OF_KIND.get(kind, {}) | fields
    if "bpsp" in kind.model_fields:
        bits = 8 * values["num_bytes"] / (3 * values["height"] * values["width"])
        values.setdefault("bpsp", values["bpp"] / 3 if "bpp" in values else bits)
    return kind(**{name: values[name] for name in kind.model_fields if name in values} | fields)


result_row = partial(row, ResultRow)  # of PNG, 300 bytes of a 10 x 20 image
failed_row = partial(row, FailedRow)  # PNG raised on such an image
missing_row = partial(  # PNG is not there
    failed_row, image="", height=None, width=None, reason="not installed"
)
timing_row = partial(row, TimingRow)  # the total of an encoding run of L3C, 0.25 s
batch_row = partial(row, BatchRow)  # one image, sampled by L3C in 0.5 s
lossy_row = partial(row, LossyRow)  # JPEG at a point where it takes 12 bpp, 4 bpsp


def frame_of(rows: Iterable[Any]) -> pd.DataFrame:
    """Rows of one kind, at least one, as figures read them from their file."""
    listed = list(rows)
    return frame(listed, type(listed[0]))


def results(rows: Iterable[Row]) -> pd.DataFrame:
    """A table of results and failures."""
    return frame(rows, ResultRow)


def write_results(path: Path, rows: Iterable[Row]) -> None:
    """A file of a run, of the kind of rows that its name tells."""
    write(path, frame(rows, KINDS[path.stem]))


def rows_in(path: Path, kind: type[Row] = ResultRow) -> list[Any]:
    """The rows of a file that have results."""
    return list(rows_of(measured(read(path, kind))))


def provenance(commit: str = "c0ffee", changed: bool = False, **fields: Any) -> Provenance:
    """What a run was made from; keywords replace fields."""
    values: dict[str, Any] = {"configuration": {}, "data": {}, "models": {}}
    values |= {"versions": {"numpy": "2.0"}}
    return Provenance(code=CodeState(commit, changed), **(values | fields))
