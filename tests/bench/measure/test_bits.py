"""Bits by scale and channel: they add up and survive their file."""

from __future__ import annotations

import pytest
from tiny_models import noise, smooth, tiny

from l3c.bench.measure.bits import measure_bits

IMAGES = [("smooth", smooth(21, 34)), ("noise", noise(8, 16, 3))]
LABELS = {"l3c": "L3C", "rgb": "RGB"}
CODECS = {kind: tiny(kind).codec() for kind in LABELS}
ROWS = {kind: measure_bits("toy", kind, codec, IMAGES) for kind, codec in CODECS.items()}


@pytest.mark.parametrize("kind", LABELS)
def test_channels_add_up_to_the_cross_entropy(kind: str) -> None:
    for name, image in IMAGES:
        rows = [row for row in ROWS[kind] if row.image == name]
        assert sum(row.bits for row in rows) == pytest.approx(
            CODECS[kind].cross_entropy_bits(image)
        )
        assert {row.scale for row in rows} == {"x", "z1", "z2", "z3"}
        assert [row.channel for row in rows if row.scale == "x"] == ["R", "G", "B"]
        numbered = [row.channel for row in rows if row.scale == "z3"]
        assert numbered == (["1", "2", "3", "4", "5"] if kind == "l3c" else ["R", "G", "B"])
