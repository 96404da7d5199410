"""Bits by scale and channel as a figure: bars that add up."""

from __future__ import annotations

import pytest
from result_rows import frame_of
from tiny_models import noise, smooth, tiny

from l3c.bench.figures.bits import bits, mean_bpsp
from l3c.bench.measure.bits import measure_bits

IMAGES = [("smooth", smooth(21, 34)), ("noise", noise(8, 16, 3))]
LABELS = {"l3c": "L3C", "rgb": "RGB"}
CODECS = {kind: tiny(kind).codec() for kind in LABELS}
ROWS = {kind: measure_bits("toy", kind, codec, IMAGES) for kind, codec in CODECS.items()}


def test_means_are_of_bits_per_sub_pixel() -> None:
    means = mean_bpsp(frame_of([*ROWS["l3c"], *ROWS["rgb"]]))
    for kind, codec in CODECS.items():
        whole = [codec.cross_entropy_bits(image) / image.size for _, image in IMAGES]
        assert means[kind].sum() == pytest.approx(sum(whole) / 2)


@pytest.mark.parametrize("kinds", [["l3c"], ["rgb"], ["l3c", "rgb"]])
def test_each_model_is_a_bar(kinds: list[str]) -> None:
    rows = frame_of(row for kind in kinds for row in ROWS[kind])
    (axes,) = bits(rows, LABELS).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [LABELS[kind] for kind in kinds]
    assert axes.get_title(loc="left") == "toy, mean of 2 images"
    for position, kind in enumerate(kinds):
        parts = [part for part in axes.patches if abs(part.get_y() + 0.23 - position) < 1e-6]
        total = mean_bpsp(rows)[kind].sum()
        assert sum(part.get_width() for part in parts) == pytest.approx(total)
        assert f"{total:.2f}" in {text.get_text() for text in axes.texts}


def test_costs_beside_their_parts_have_a_line_to_them() -> None:
    parts = {"x": 2.0, "z1": 0.5, "z2": 0.02, "z3": 0.01}
    one = ROWS["l3c"][0].model_copy(update={"height": 1, "width": 1})
    rows = [one.model_copy(update={"scale": s, "bits": 3 * each}) for s, each in parts.items()]
    (axes,) = bits(frame_of(rows), LABELS).axes
    starts = [line.get_xydata()[0] for line in axes.lines]
    assert [x for x, _ in starts] == pytest.approx([2.525])  # the middle of z3
