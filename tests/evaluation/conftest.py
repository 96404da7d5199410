"""Rows as a run writes them, without a run."""

import pytest

from l3c.evaluation.rows import MethodRecord, ResultRow


@pytest.fixture
def make_row():
    """A row of a 10 x 20 image; keywords replace fields, bpsp follows num_bytes."""

    def make(**fields):
        values = {
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

    return make


@pytest.fixture
def make_record():
    """The record of a measured method; keywords replace fields."""

    def make(**fields):
        values = {"dataset": "toy", "key": "png", "method": "PNG", "measured": True, "reason": ""}
        return MethodRecord(**(values | {"settings": "level=9", "version": "libpng 1.6"} | fields))

    return make
