"""What a dry run says of downloads, disk and hours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from l3c.data.catalogue import ImageSet
from l3c.data.datasets import DatasetSpec
from l3c.data.prepare import Preparation
from l3c.recipe import Recipe, TrainSettings
from l3c.workflow.costs import (
    STREAM_BYTES,
    Throughput,
    cost_lines,
    main,
    prepared_pixels,
    read_throughput,
)
from l3c.workflow.experiment import Experiment

ROOT = Path(__file__).resolve().parents[2]
TOY = ImageSet(name="toy", urls=("http://a/b.zip",), gb=10.0, images=1000, megapixels=0.75)
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
    cpu = Throughput("mine", "cpu", "this CPU", 64, 1.0)
    gpu = Throughput("paper-l3c", "cuda", "a GPU", 128, 0.5)
    size, hours = cost_lines(experiment("toy"), {"l3c": RECIPE}, {"toy": TOY}, [cpu, gpu])
    assert size.startswith("About 10 GB to download, up to 22 GB on disk (1 image sets")
    assert hours == (
        "Training L3C: 3,600 steps of 10 crops of 64x64, 5 hours of a GPU, 10 hours of this CPU."
    )
    _, *unknown = cost_lines(experiment("toy"), {"l3c": RECIPE}, {"toy": TOY}, [])
    assert unknown[0].endswith("64x64, never measured.")
    assert unknown[1].startswith("GPU hours are not known: no GPU was measured yet; on one, run")


def test_all_trainings_are_added_up() -> None:
    measured = [Throughput("paper-l3c", "cpu", "this CPU", 64, 1.0)]
    recipes = {"l3c": RECIPE, "again": RECIPE}
    two = experiment("toy")
    two.models["again"] = two.models["l3c"]
    *_, total, gpu = cost_lines(two, recipes, {"toy": TOY}, measured)
    assert total == "All trainings together: 20 hours of this CPU."
    assert "no GPU was measured" in gpu


def test_files_of_every_method_are_counted() -> None:
    many = Experiment.model_validate(
        experiment("toy").model_dump()
        | {"evaluate": {"datasets": ["data"], "methods": ["l3c", "png", "webp"]}}
    )
    big = TOY.model_copy(update={"images": 1_000_000})
    disk = []
    for each in (experiment("toy"), many):
        (size,) = cost_lines(each, {}, {"toy": big}, [])
        found = re.search(r"up to ([\d,]+) GB", size)
        assert found
        disk.append(float(found[1].replace(",", "")))
    pixels = prepared_pixels(many.datasets["data"], big)
    assert disk[1] - disk[0] == pytest.approx(2 * pixels * STREAM_BYTES / 1e9, abs=1)


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
    head = "recipe,kind,device,crop,images_per_s\n"
    path.write_text(head + "a,cpu,x,128,2\na,cpu,x,128,3\na,cuda,y,128,1\n")
    x, y = Throughput("a", "cpu", "x", 128, 3), Throughput("a", "cuda", "y", 128, 1)
    assert read_throughput(path) == [x, y]
    assert read_throughput(path)[0].pixels_per_s == 3 * 128**2


def test_the_papers_configuration_says_what_it_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(ROOT / "config" / "paper.yaml")]) == 0
    text = capsys.readouterr().out
    assert re.search(r"About \d+ GB to download, up to [\d,]+ GB on disk \(11 image sets", text)
    trained = re.findall(r"^Training (.*): 700,000 steps of 30 crops", text, re.MULTILINE)
    assert trained == ["L3C", "RGB", "RGB Shared", "L3C (ImageNet32)", "L3C (ImageNet64)"]
    assert main([]) == 0
    assert "GB to download" not in capsys.readouterr().out


def test_a_configuration_that_is_not_usable_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text("evaluat: {}\n")
    assert main([str(tmp_path / "mine.yaml")]) == 1
    assert "evaluat" in capsys.readouterr().err
