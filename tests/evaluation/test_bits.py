"""Bits by scale and channel: they add up and survive their file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import noise, smooth, tiny

from l3c.evaluation.bits import measure_bits, read_bits, write_bits
from l3c.evaluation.rows import RowError

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


def test_rows_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "bits.csv"
    write_bits(path, ROWS["l3c"])
    assert read_bits(path) == ROWS["l3c"]


def test_a_file_of_other_rows_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "bits.csv"
    path.write_text("image,bits\na,1\n")
    with pytest.raises(RowError, match=r"bits\.csv: the columns are image,bits, expected"):
        read_bits(path)
    write_bits(path, ROWS["l3c"][:2])
    path.write_text(path.read_text().replace(",G,", ",green,"))
    with pytest.raises(RowError, match=r"bits\.csv, line 3, channel: "):
        read_bits(path)
