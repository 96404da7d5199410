"""Bits by scale and channel: they add up, survive their file, and are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import noise, smooth, tiny

from l3c.evaluation.bits import draw_bits, mean_bpsp, measure_bits, read_bits, write_bits
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


def test_means_are_of_bits_per_sub_pixel() -> None:
    means = mean_bpsp([*ROWS["l3c"], *ROWS["rgb"]])
    for kind, codec in CODECS.items():
        whole = [codec.cross_entropy_bits(image) / image.size for _, image in IMAGES]
        total = sum(sum(channels.values()) for channels in means[kind].values())
        assert total == pytest.approx(sum(whole) / 2)


@pytest.mark.parametrize("kinds", [["l3c"], ["rgb"], ["l3c", "rgb"]])
def test_each_model_is_a_bar(kinds: list[str]) -> None:
    rows = [row for kind in kinds for row in ROWS[kind]]
    (axes,) = draw_bits(rows, LABELS).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [LABELS[kind] for kind in kinds]
    assert axes.get_title(loc="left") == "toy, mean of 2 images"
    for position, scales in enumerate(mean_bpsp(rows).values()):
        parts = [part for part in axes.patches if abs(part.get_y() + 0.23 - position) < 1e-6]
        total = sum(sum(channels.values()) for channels in scales.values())
        assert sum(part.get_width() for part in parts) == pytest.approx(total)
        assert f"{total:.2f}" in {text.get_text() for text in axes.texts}


def test_costs_beside_their_parts_have_a_line_to_them() -> None:
    bpsp = {"x": 2.0, "z1": 0.5, "z2": 0.02, "z3": 0.01}
    one = ROWS["l3c"][0].model_copy(update={"height": 1, "width": 1})
    rows = [one.model_copy(update={"scale": s, "bits": 3 * bits}) for s, bits in bpsp.items()]
    (axes,) = draw_bits(rows, LABELS).axes
    starts = [line.get_xydata()[0] for line in axes.lines]
    assert [x for x, _ in starts] == pytest.approx([2.525])  # the middle of z3
