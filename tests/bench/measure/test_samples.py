"""Samples as rows, files and a figure."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from result_rows import frame_of
from tiny_models import smooth, tiny

from l3c.bench.checks import check
from l3c.bench.figures.pictures import samples
from l3c.bench.measure.sample_rows import samples_table, write_samples
from l3c.bench.published import read_published, samples_of
from l3c.bench.schema import SampleRow, frame
from l3c.data.images import read_rgb

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("kind", ["l3c", "rgb"])
def test_samples_are_files_rows_and_a_figure(kind: str, tmp_path: Path) -> None:
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
    assert "sampled\ngiven" in pictures[1].get_title()


def test_the_papers_example_stands_beside_ours_as_published(tmp_path: Path) -> None:
    published = samples_of(read_published(ROOT / "results" / "published.csv"))
    codec = tiny().codec()
    rows = write_samples(tmp_path, "toy", "l3c", codec, "a", smooth(16, 16))
    table = list(csv.DictReader(samples_table(rows, published, "id").splitlines()))
    assert [line["published_bpsp"] for line in table] == published.value.astype(str).tolist()
    assert table[0]["published_example"] == "one Open Images example v2"
    assert {line["provenance"] for line in table} == {"id"}
    fewer = list(csv.DictReader(samples_table(rows, published[:2], "id").splitlines()))
    assert [bool(line["published_bpsp"]) for line in fewer] == [True, True, False, False]
