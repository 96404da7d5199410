"""Bits by scale and channel add up; samples are rows, files, a table and a figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from result_rows import frame_of
from tiny_models import noise, smooth, tiny

from l3c.bench.checks import check
from l3c.bench.figures.pictures import samples
from l3c.bench.measure.pyramids import measure_bits, write_samples
from l3c.bench.published import read_published, samples_of
from l3c.bench.run import Run
from l3c.bench.schema import ResultRow, SampleRow, frame
from l3c.bench.tables import TABLES
from l3c.data.images import read_rgb

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("kind", ["l3c", "rgb"])
def test_samples_are_files_rows_a_figure_and_a_table(kind: str, tmp_path: Path) -> None:
    codec, image = tiny(kind).codec(), smooth(40, 24)
    rows = write_samples(tmp_path, "toy", kind, codec, "a", image)
    assert [row.sampled for row in rows] == ["", "x", "x z1", "x z1 z2"]
    assert [row.stored for row in rows] == ["x z1 z2 z3", "z1 z2 z3", "z2 z3", "z3"]
    assert (read_rgb(tmp_path / rows[0].file) == image).all()
    assert rows[0].bpsp * image.size == pytest.approx(codec.cross_entropy_bits(image))
    assert rows[-1].bpsp == pytest.approx(rows[0].uniform_bpsp)
    check(frame(rows, SampleRow), SampleRow)
    rows += write_samples(tmp_path, "toy", kind, codec, "b", smooth(16, 32))
    pictures = samples(frame_of(rows), tmp_path, "Toy").axes
    assert [axes.get_xlabel() for axes in pictures] == [f"{row.bpsp:.3f} bpsp" for row in rows]
    assert pictures[0].get_title().startswith("ground truth")

    published = read_published(ROOT / "results" / "published.csv")
    run = Run(frame([], ResultRow), [], published, samples=frame(rows, SampleRow))
    data = TABLES["samples"].make(run).data
    assert data.bpsp.tolist() == [pytest.approx(row.bpsp, abs=1e-6) for row in rows]
    assert data.published_bpsp.tolist() == [*samples_of(published).value] * 2
    assert data.published_example[0] == "one Open Images example v2"


@pytest.mark.parametrize("kind", ["l3c", "rgb"])
def test_channels_add_up_to_the_cross_entropy(kind: str) -> None:
    codec = tiny(kind).codec()
    for image in (smooth(21, 34), noise(8, 16, 3)):
        rows = measure_bits("toy", kind, codec, [("a", image)])
        assert sum(row.bits for row in rows) == pytest.approx(codec.cross_entropy_bits(image))
        channels = {scale: [r.channel for r in rows if r.scale == scale] for scale in ("x", "z3")}
        assert channels["x"] == ["R", "G", "B"]
        assert channels["z3"] == ([*"12345"] if kind == "l3c" else ["R", "G", "B"])
