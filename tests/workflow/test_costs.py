"""Downloads, disk and hours of a run, before it starts."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from l3c.data.catalogue import ImageSet
from l3c.data.datasets import DatasetSpec
from l3c.data.prepare import Preparation
from l3c.recipe import Recipe, TrainSettings
from l3c.workflow.costs import STREAM_BYTES, cost_lines, main, prepared_pixels, read_throughput
from l3c.workflow.experiment import Experiment

ROOT = Path(__file__).resolve().parents[2]
TOY = ImageSet(name="toy", urls=("http://a/b.zip",), gb=10.0, images=1_000_000, megapixels=0.75)
RECIPES = dict.fromkeys(
    ("a", "b"), Recipe(name="mine", train=TrainSettings(steps=3600, batch=10, crop=64))
)


def lines(throughput: pd.DataFrame, *methods: str) -> list[str]:
    model = {"recipe": "mine.yaml"}
    experiment = Experiment.model_validate(
        {
            "run": "out",
            "datasets": {"data": {"source": "toy", "prepare": {}}},
            "train": "data",
            "models": {"a": model | {"name": "A"}, "b": model | {"name": "B"}},
            "evaluate": {"datasets": ["data"], "methods": ["a", "b", *methods]},
        }
    )
    return cost_lines(experiment, RECIPES, {"toy": TOY}, throughput)


def throughput(folder: Path, *rows: str) -> pd.DataFrame:
    path = folder / "throughput.csv"
    path.write_text("\n".join(["recipe,kind,device,crop,images_per_s", *rows]))
    return read_throughput(path)


def test_hours_are_of_the_recipe_or_else_of_its_kind(tmp_path: Path) -> None:
    rows = ["mine,cpu,this CPU,64,1", "mine,cpu,this CPU,64,0.5", "paper-l3c,cuda,a GPU,128,0.5"]
    _, a, b, total = lines(throughput(tmp_path, *rows, "paper-l3c,cpu,this CPU,64,9"))
    assert "3,600 steps of 10 crops of 64x64" in a
    for line, cpu, gpu in ((a, 10, 5), (b, 10, 5), (total, 20, 10)):
        assert f" {cpu} hours of this CPU" in line  # the fastest variant counts
        assert f" {gpu} hours of a GPU" in line


def test_a_device_that_was_not_measured_has_no_hours(tmp_path: Path) -> None:
    _, a, _, total, gpu = lines(throughput(tmp_path, "other,cpu,this CPU,64,1"))
    assert "hours of" not in a + total
    assert "GPU" in gpu


def test_files_of_every_method_are_counted(tmp_path: Path) -> None:
    disk = []
    for methods in ((), ("png", "webp")):
        found = re.search(r"up to ([\d,]+) GB", lines(throughput(tmp_path), *methods)[0])
        assert found
        disk.append(float(found[1].replace(",", "")))
    pixels = prepared_pixels(DatasetSpec(source="toy", prepare=Preparation()), TOY)
    assert disk[1] - disk[0] == pytest.approx(2 * pixels * STREAM_BYTES / 1e9, abs=1)


@pytest.mark.parametrize(
    ("settings", "pixels"),
    [
        ({}, 1e6 * 0.75e6),
        ({"limit": 10}, 10 * 0.75e6),
        ({"prepare": Preparation(longer_side=500)}, 1e6 * 0.75e6 / 4),
        ({"prepare": Preparation(min_side=600, copies=3)}, 3e6 * 0.75e6 * 0.8**2),
    ],
)
def test_prepared_pixels(settings: dict[str, object], pixels: float) -> None:
    spec = DatasetSpec.model_validate({"source": "toy"} | settings)
    assert prepared_pixels(spec, TOY) == pytest.approx(pixels)


def test_costs_of_configuration_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(ROOT / "config" / "paper.yaml")]) == 0
    text = capsys.readouterr().out
    assert re.search(r"About \d+ GB to download, up to [\d,]+ GB on disk \(11 image sets", text)
    assert len(re.findall(r"^Training .*: 700,000 steps of 30 crops", text, re.MULTILINE)) == 5
    assert main([]) == 0
    assert "About 0 GB to download" in capsys.readouterr().out
    (tmp_path / "mine.yaml").write_text("evaluat: {}\n")
    assert main([str(tmp_path / "mine.yaml")]) == 1
    assert "evaluat" in capsys.readouterr().err
