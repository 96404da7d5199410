"""Bits by scale and channel add up; samples are rows, files, a figure; the release's rules."""

from pathlib import Path

import numpy as np
import pytest
import release
from result_rows import frame_of, results
from tiny_models import smooth, tiny, write_model

from l3c.bench.figures.pictures import samples
from l3c.bench.measure.models import (
    LARGEST,
    as_evaluated,
    measure_as_published,
    measure_bits,
    padded,
    quarters,
    rate,
    write_samples,
)
from l3c.bench.published import SAMPLES, read_published
from l3c.bench.run import Run
from l3c.bench.schema import SampleRow, check, frame
from l3c.bench.tables import TABLES
from l3c.data.images import read_rgb
from l3c.models.authors_checkpoints import read_checkpoint

ROOT = Path(__file__).resolve().parents[3]
TOY = {"dataset": "toy", "model": "tiny"}


@pytest.mark.parametrize("kind", ["l3c", "rgb"])
def test_samples_are_files_rows_a_figure_and_a_table(kind, tmp_path):
    codec, image = tiny(kind).codec(), smooth(40, 24)
    rows = write_samples(tmp_path, TOY, codec, "a", image)
    assert [row.sampled for row in rows] == ["", "x", "x z1", "x z1 z2"]
    assert [row.stored for row in rows] == ["x z1 z2 z3", "z1 z2 z3", "z2 z3", "z3"]
    assert (read_rgb(tmp_path / rows[0].file) == image).all()
    assert rows[0].bpsp * image.size == pytest.approx(codec.cross_entropy_bits(image))
    assert rows[-1].bpsp == pytest.approx(rows[0].uniform_bpsp)
    check(frame(rows, SampleRow), SampleRow)
    rows += write_samples(tmp_path, TOY, codec, "b", smooth(16, 32))
    pictures = samples(frame_of(rows), tmp_path, "Toy").axes
    assert [axes.get_xlabel() for axes in pictures] == [f"{row.bpsp:.3f} bpsp" for row in rows]
    assert pictures[0].get_title().startswith("ground truth")

    published = read_published(ROOT / "results" / "published.csv")
    run = Run(results([]), published=published, samples=frame(rows, SampleRow))
    data = TABLES["samples"].make(run).data
    assert data.bpsp.tolist() == [pytest.approx(row.bpsp, abs=1e-6) for row in rows]
    assert data.published_bpsp.tolist() == [*published.value[published.table == SAMPLES]] * 2
    assert data.published_example[0] == "one Open Images example v2"


@pytest.mark.parametrize(("kind", "coarsest"), [("l3c", "12345"), ("rgb", "RGB")])
def test_channels_of_images_are_colours_and_others_are_numbered(kind, coarsest):
    rows = measure_bits(TOY, tiny(kind).codec(), [("a", smooth(21, 34))])
    for scale, names in (("x", "RGB"), ("z3", coarsest)):
        assert [row.channel for row in rows if row.scale == scale] == [*names]


@pytest.mark.parametrize("kind", list(release.NAMES))
def test_bits_are_the_releases(kind):
    outputs = release.outputs(kind)
    model = as_evaluated(release.network(kind))
    found = rate(model, outputs["image"]) / outputs["image"].size
    assert found == pytest.approx(float(outputs["bpsp"]), rel=1e-6)


def test_inexact_symbols_count_what_the_release_counts():
    """Of the small checkpoint exact arithmetic gives 4.4 bits more (tests/models)."""
    expected = np.load(release.FOLDER / "reduced_l3c_outputs.npz")
    model = read_checkpoint(release.FOLDER / "reduced_L3C.tar.gz").model
    found = rate(as_evaluated(model), expected["image"])
    assert found == pytest.approx(float(expected["bpsp"]) * expected["image"].size, abs=1)


def test_padding_is_zeros_on_both_sides_and_paid_for():
    image = smooth(13, 16)
    whole = padded(image, 8)[0].permute(1, 2, 0).numpy()
    assert whole.shape == (16, 16, 3)
    np.testing.assert_array_equal(whole[1:14], image)
    assert not whole[:1].any()
    assert not whole[14:].any()
    model = tiny("l3c")
    assert rate(model, image) == pytest.approx(rate(model, whole), rel=1e-6)


def test_large_images_are_cut_into_quarters():
    image = np.broadcast_to(np.uint8(0), (2 * 1501 + 1, 2001, 3))
    parts = [part.shape[:2] for part in quarters(image)]
    assert parts == [(1501, 1000), (1501, 1001), (1502, 1000), (1502, 1001)]
    assert next(quarters(image[:1500, :2000])).shape == (1500, 2000, 3)
    larger = np.broadcast_to(np.uint8(0), (6000, 4100, 3))
    shapes = [part.shape for part in quarters(larger)]
    assert len(shapes) == 16
    assert sum(h * w for h, w, _ in shapes) == 6000 * 4100
    assert max(h * w for h, w, _ in shapes) <= LARGEST


def test_rows_of_a_data_set(tmp_path):
    weights = write_model(tmp_path, "rgb")
    images = [("a", smooth(24, 30)), ("b", smooth(8, 8))]
    rows = measure_as_published(TOY, weights, images)
    assert [(row.image, row.height, row.width, row.crops) for row in rows] == [
        ("a", 24, 30, 1),
        ("b", 8, 8, 1),
    ]
    assert rows[0].bpsp == pytest.approx(rows[0].bits / (3 * 24 * 30))
    with pytest.raises(ValueError, match="interlaced"):
        measure_as_published(TOY, write_model(tmp_path, "interlaced", name="i"), images)
