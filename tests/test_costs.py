"""What a dry run says of downloads, disk and hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from l3c.config import Recipe, TrainSettings
from l3c.costs import Throughput, cost_lines, prepared_pixels, read_throughput
from l3c.data.catalogue import ImageSet
from l3c.data.datasets import DatasetSpec
from l3c.data.prepare import Preparation
from l3c.experiment import Experiment

TOY = ImageSet("toy", "Toy", "free", ("http://a/b.zip",), (None,), 10.0, 1000, 0.75, "")
RECIPE = Recipe(name="mine", train=TrainSettings(steps=3600, batch=10, crop=64))


def experiment(source: str) -> Experiment:
    return Experiment.model_validate(
        {
            "run": "out",
            "datasets": {"data": {"source": source, "prepare": {}}},
            "train": "data",
            "models": {"l3c": {"name": "L3C", "recipe": "mine.yaml"}},
            "evaluate": {"datasets": ["data"], "methods": ["l3c"]},
        }
    )


def test_nothing_is_said_where_nothing_is_downloaded() -> None:
    assert cost_lines(experiment("/a/folder"), {"l3c": RECIPE}, {"toy": TOY}, []) == []


def test_downloads_disk_and_hours() -> None:
    # 1000x750 pixels become, by a factor between 512 / 750 and 0.8, about 0.41 megapixels.
    measured = [Throughput("mine", "this CPU", 64, 1.0), Throughput("paper-l3c", "a GPU", 128, 50)]
    size, hours = cost_lines(experiment("toy"), {"l3c": RECIPE}, {"toy": TOY}, measured)
    assert size.startswith("About 10 GB to download, up to 22 GB on disk (1 image sets")
    assert hours == (
        "Training L3C: 3,600 steps of 10 crops of 64x64, 0 hours of a GPU, 10 hours of this CPU."
    )
    (_, unknown) = cost_lines(experiment("toy"), {"l3c": RECIPE}, {"toy": TOY}, [])
    assert "throughput not measured (python -m benchmarks.throughput)" in unknown


@pytest.mark.parametrize(
    ("settings", "pixels"),
    [
        ({}, 1000 * 0.75e6),
        ({"limit": 10}, 10 * 0.75e6),
        ({"prepare": Preparation(longer_side=500)}, 1000 * 0.75e6 / 4),
        ({"prepare": Preparation(min_side=600, copies=3)}, 3 * 1000 * 0.75e6 * 0.8**2),
    ],
)
def test_prepared_pixels(settings: dict[str, object], pixels: float) -> None:
    spec = DatasetSpec.model_validate({"source": "toy"} | settings)
    assert prepared_pixels(spec, TOY) == pytest.approx(pixels)


def test_the_fastest_variant_counts(tmp_path: Path) -> None:
    path = tmp_path / "throughput.csv"
    assert read_throughput(path) == []
    path.write_text("recipe,device,crop,images_per_s\na,x,128,2\na,x,128,3\na,y,128,1\n")
    assert read_throughput(path) == [Throughput("a", "x", 128, 3), Throughput("a", "y", 128, 1)]
    assert read_throughput(path)[0].pixels_per_s == 3 * 128**2
