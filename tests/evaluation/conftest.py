"""Rows as a run writes them, without a run."""

import pytest
from result_rows import result_row

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
