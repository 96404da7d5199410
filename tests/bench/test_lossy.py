"""Rate and distortion: measured in processes of their own, averaged as published."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_models import smooth

from baselines.lossy.jpeg import Jpeg420
from l3c.bench.lossy import (
    LossyRow,
    at_rates,
    measure_lossy,
    operating_points,
    psnr,
    similarity,
)
from l3c.bench.measure.child import ChildError
from l3c.bench.schema import frame, read_rows, write
from l3c.cli import main
from l3c.cli.exits import Exit


def images() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 6, (48, 64, 3))
    return {
        name: (smooth(48, 64) * scale + noise).clip(0, 255).astype(np.uint8)
        for name, scale in (("a", 1.0), ("b", 0.7))
    }


def test_distortion_is_what_it_is_called() -> None:
    image = images()["a"]
    assert psnr(image, image) == float("inf")
    assert similarity(image, image) == pytest.approx(1)
    other = np.where(image < 128, image + 2, image - 2).astype(np.uint8)
    assert psnr(image, other) == pytest.approx(10 * np.log10(255**2 / 4))
    for measure in (psnr, similarity):
        with pytest.raises(ValueError):
            measure(image, image[1:])


@pytest.mark.slow
def test_rows_of_a_codec(tmp_path: Path) -> None:
    rows = measure_lossy("toy", images().items(), Jpeg420(), tmp_path)
    table = frame(rows, LossyRow)
    write(tmp_path / "rows.csv", table)
    assert read_rows(tmp_path / "rows.csv", LossyRow) == rows
    assert len(table) == 24
    assert not table.duplicated(list(LossyRow.KEY)).any()
    for row in rows:
        assert (
            row.num_bytes
            == (tmp_path / "jpeg_420" / f"{row.image}-{row.point:g}.jpg").stat().st_size
        )
        assert row.bpp == pytest.approx(3 * row.bpsp)
    points = operating_points(table)
    assert len(points) == 12
    assert points.bpp.is_monotonic_increasing
    assert points.ms_ssim.iloc[-1] > 0.95 > points.ms_ssim.iloc[0]
    with pytest.raises(ChildError):
        measure_lossy("toy", [("a", images()["a"][0])], Jpeg420(), tmp_path)


def test_means_at_fixed_rates_are_the_papers() -> None:
    lines = {"a": [(0.2, 0.8), (1.0, 0.96)], "b": [(0.1, 0.6), (0.6, 0.9), (2.0, 1.0)]}
    rows = pd.DataFrame(
        [
            {
                "dataset": "d",
                "method": "M",
                "key": "m",
                "image": image,
                "bpp": bpp,
                "ms_ssim": value,
            }
            for image, points in lines.items()
            for bpp, value in points
        ]
    )
    found = at_rates(rows, rates=np.array([0.1, 0.2, 0.6, 1.0, 1.2]))
    assert list(found.bpp) == [0.2, 0.6, 1.0]
    expected = [(0.8 + 0.66) / 2, (0.88 + 0.9) / 2, (0.96 + 0.9 + 0.1 * 0.4 / 1.4) / 2]
    np.testing.assert_allclose(found.ms_ssim, expected)


@pytest.mark.slow
def test_the_command_prints_operating_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    for wrong in (["--methods", "webp"], ["--model", "causal-fast"]):
        assert main([*bench, *wrong]) == Exit.USAGE
