"""Rows as a run writes them, without a run."""

import pytest
from result_rows import batch_row, result_row, timing_row

from l3c.evaluation.rows import MethodRecord


@pytest.fixture
def make_row():
    """A row of a 10 x 20 image; keywords replace fields, bpsp follows num_bytes."""
    return result_row


@pytest.fixture
def make_record():
    """The record of a measured method; keywords replace fields."""

    def make(**fields):
        values = {"dataset": "toy", "key": "png", "method": "PNG", "measured": True, "reason": ""}
        return MethodRecord(**(values | {"settings": "level=9", "version": "libpng 1.6"} | fields))

    return make


@pytest.fixture
def make_timing():
    """The total of an encoding run; keywords replace fields."""
    return timing_row


@pytest.fixture
def make_batch():
    """One image sampled; keywords replace fields."""

    return batch_row
