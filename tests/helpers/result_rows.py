"""Rows as a run writes them, without a run."""

from __future__ import annotations

from typing import Any

from l3c.evaluation.rows import ResultRow


def result_row(**fields: Any) -> ResultRow:
    """A row of a 10 x 20 image; keywords replace fields, bpsp follows num_bytes."""
    values: dict[str, Any] = {
        "dataset": "toy",
        "method": "PNG",
        "key": "png",
        "image": "a",
        "height": 10,
        "width": 20,
        "num_bytes": 300,
        "bits_theory": None,
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
