"""Rate and distortion: measured in processes of their own, averaged as published."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figure_text import described
from golden import check_text
from PIL import Image
from result_rows import frame_of, lossy_row, results
from table_files import text
from tiny_models import smooth

from baselines.lossy.jpeg import Jpeg420
from l3c.bench.figures.lossy import rate_distortion, reconstructions
from l3c.bench.lossy import (
    at_rates,
    bd_rate,
    measure_lossy,
    operating_points,
    psnr,
    read_published,
    similarity,
    stream_path,
)
from l3c.bench.measure.child import ChildError
from l3c.bench.run import Run
from l3c.bench.schema import LossyRow, read, rows_of, write
from l3c.cli import main
from l3c.cli.exits import Exit
from l3c.models.tile_codec import UnsupportedError


def images():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 6, (48, 64, 3))
    return {
        name: (smooth(48, 64) * scale + noise).clip(0, 255).astype(np.uint8)
        for name, scale in (("a", 1.0), ("b", 0.7))
    }


def test_distortion_is_what_it_is_called():
    image = images()["a"]
    assert psnr(image, image) == float("inf")
    assert similarity(image, image) == pytest.approx(1)
    other = np.where(image < 128, image + 2, image - 2).astype(np.uint8)
    assert psnr(image, other) == pytest.approx(10 * np.log10(255**2 / 4))
    for measure in (psnr, similarity):
        with pytest.raises(ValueError):
            measure(image, image[1:])


@pytest.mark.slow
def test_rows_of_a_codec(tmp_path):
    streams = tmp_path / "toy"
    table = measure_lossy("toy", images().items(), Jpeg420(), streams, saved=1)
    write(tmp_path / "rows.csv", table)
    pd.testing.assert_frame_equal(read(tmp_path / "rows.csv", LossyRow), table)
    assert len(table) == 24
    assert not table.duplicated(list(LossyRow.KEY)).any()
    for row in rows_of(table):
        stream = stream_path(streams, row.key, row.image, row.point, ".jpg")
        assert row.num_bytes == stream.stat().st_size
        assert row.bpp == pytest.approx(3 * row.bpsp)
    kept = {path.name for path in streams.glob("jpeg_420/*.png")}
    assert kept == {f"a-{point:g}.png" for point in Jpeg420.points}
    assert len(reconstructions(table, tmp_path, [("a", images()["a"])]).axes) == 2
    points = operating_points(table)
    assert len(points) == 12
    assert points.bpp.is_monotonic_increasing
    assert points.ms_ssim.iloc[-1] > 0.95 > points.ms_ssim.iloc[0]
    with pytest.raises(ChildError):
        measure_lossy("toy", [("a", images()["a"][0])], Jpeg420(), tmp_path)


def test_means_at_fixed_rates_are_the_papers():
    lines = {"a": [(0.2, 0.8), (1.0, 0.96)], "b": [(0.1, 0.6), (0.6, 0.9), (2.0, 1.0)]}
    rows = [
        lossy_row(image=image, bpp=bpp, ms_ssim=value)
        for image, points in lines.items()
        for bpp, value in points
    ]
    found = at_rates(frame_of(rows), rates=np.array([0.1, 0.2, 0.6, 1.0, 1.2]))
    assert list(found.bpp) == [0.2, 0.6, 1.0]
    expected = [(0.8 + 0.66) / 2, (0.88 + 0.9) / 2, (0.96 + 0.9 + 0.1 * 0.4 / 1.4) / 2]
    np.testing.assert_allclose(found.ms_ssim, expected)


@pytest.mark.slow
def test_the_command_prints_operating_points(tmp_path, capsys):
    for name, image in images().items():
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    bench = ["bench", "--lossy", str(tmp_path)]
    assert main([*bench, "--methods", "webp_lossy"]) == Exit.GOOD
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 12 + 1
    assert lines[1].split()[:2] == ["WebP", "0"]
    assert main([*bench, "--methods", "bpg,webp_lossy", "--json"]) == Exit.FAILED
    content = json.loads(capsys.readouterr().out)
    assert (len(content["points"]), len(content["rows"])) == (12, 24)
    assert "bpgenc" in content["failures"][0]
    Image.fromarray(images()["a"][:9]).save(tmp_path / "small.png")
    assert main([*bench, "--methods", "webp_lossy", "--json"]) == Exit.GOOD
    content = json.loads(capsys.readouterr().out)
    assert (content["left_out"], len(content["rows"])) == (["small"], 24)
    for wrong in (["--methods", "webp"], ["--methods", "models"], ["--model", "causal-fast"]):
        assert main([*bench, *wrong]) == Exit.USAGE


CURVE = pd.DataFrame({"bpp": [0.2, 0.4, 0.8, 1.6], "ms_ssim": [0.9, 0.95, 0.98, 0.99]})


@pytest.mark.parametrize(("value", "quality"), [("ms_ssim", None), ("psnr", [30, 33, 36, 39])])
def test_bd_rate_is_in_percent_of_the_anchor(value, quality):
    anchor = CURVE.assign(**{value: quality} if quality else {})
    assert bd_rate(anchor, anchor, value) == pytest.approx(0, abs=1e-9)
    half = anchor.assign(bpp=anchor.bpp / 2)
    assert bd_rate(anchor, half[::-1], value) == pytest.approx(-50)
    worse_at_more = pd.concat([half, half.iloc[:1].assign(bpp=0.45)])  # no curve has such a point
    assert bd_rate(anchor, worse_at_more, value) == pytest.approx(-50)
    for few in (anchor[:1], anchor.assign(**{value: anchor[value] / 10})):
        assert np.isnan(bd_rate(anchor, few, value))


PUBLISHED = read_published(Path(__file__).parents[2] / "results" / "published_cpm.csv")


def lossy_rows():
    """JPEG on two images, and a model that takes half of its bits."""
    cpm = {"method": "CPM", "key": "cpm", "version": "models 00"}
    return frame_of(
        lossy_row(
            **about, image=image, point=i, bpp=share * at.bpp, ms_ssim=at.ms_ssim, psnr=30 + i
        )
        for about, share in (({"method": "JPEG 4:2:0", "key": "jpeg_420"}, 1), (cpm, 0.5))
        for image in "ab"
        for i, at in enumerate(CURVE.itertuples())
    )


def test_the_table_has_bd_rates_and_operating_points():
    run = Run(results([]), lossy=lossy_rows(), lossy_published=PUBLISHED)
    for form in ("md", "csv"):
        check_text(f"tables/rate_distortion.{form}", text(run, "rate_distortion", form))


def test_the_figure_draws_published_points_apart():
    check_text("figures/rate_distortion.txt", described(rate_distortion(lossy_rows(), PUBLISHED)))
    with pytest.raises(UnsupportedError):
        reconstructions(lossy_rows(), Path(), [("a", images()["a"])])
