"""The cost of integers: bytes of both networks by scale, as rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import smooth, write_model

from l3c.bench.measure import integer_cost
from l3c.bench.measure.integer_cost import measure_cost
from l3c.bench.measure.provenance import environment, hardware
from l3c.models.zoo import open_codec


def test_bytes_are_those_of_the_streams(tmp_path: Path) -> None:
    weights, image = write_model(tmp_path), smooth(24, 40)
    rows = measure_cost("photos", "l3c", weights, [image, image])
    assert [row.scale for row in rows] == ["x", "z1", "z2", "z3", "total"]
    streams = open_codec(weights, "cpu", "integer").encode(image)
    assert [row.integer_bytes for row in rows[:4]] == [2 * len(s) for s in reversed(streams)]
    assert rows[-1].float_bytes == sum(row.float_bytes for row in rows[:4])
    assert rows[3].float_bytes == rows[3].integer_bytes  # uniform
    assert rows[0].images == 2
    assert abs(rows[-1].integer_bytes / rows[-1].float_bytes - 1) < 0.05
    assert rows[-1].float_s > 0
    assert rows[-1].integer_s > 0


def test_the_machine_is_the_one_that_measured(tmp_path: Path) -> None:
    rows = measure_cost("photos", "l3c", write_model(tmp_path), [smooth(8, 8)])
    assert {row.hardware for row in rows} == {hardware()}
    assert {row.environment for row in rows} == {environment()}


def test_of_a_large_data_set_the_first_images_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integer_cost, "IMAGES", 1)
    rows = measure_cost("photos", "l3c", write_model(tmp_path), [smooth(8, 8)] * 3)
    assert {row.images for row in rows} == {1}
