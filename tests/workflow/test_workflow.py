"""The workflow itself: what it makes, what it makes again, and what it says when it cannot."""

import csv
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from l3c.evaluation.rows import read_rows

ROOT = Path(__file__).resolve().parents[2]
LEARNED = {"l3c", "l3c_float", "rgb", "rgb_shared"}
# What follows every change of the configuration: whatever is shown carries its provenance.
SHOWN = {("record_provenance",), ("collect_rows",), ("make_table",), ("make_cost_table",)}
SHOWN |= {("plot_bpsp",), ("plot_speed",), ("plot_training",), ("all",)}


@pytest.mark.slow
def test_smoke_makes_everything(smoke):
    run = smoke.folder / "results" / "smoke"
    rows = read_rows(run / "rows.csv")
    assert {row.key for row in rows} == {*LEARNED, "raw", "png", "webp"}
    assert all(row.lossless and (run / row.stream).stat().st_size == row.num_bytes for row in rows)
    learned = [row for row in rows if row.bits_theory is not None]
    assert {row.key for row in learned} == LEARNED
    tables = ["comparison.md", "comparison.csv", "comparison.tex", "rates.csv", "left_out.csv"]
    for name in [*tables, "integer_cost.md", "integer_cost.csv"]:
        assert (run / "tables" / name).stat().st_size > 0
    for name in ("bpsp.svg", "bpsp.png", "speed.svg", "speed.png"):
        assert (run / "figures" / name).stat().st_size > 1000
    assert not (smoke.folder / "results" / "reference").exists()


@pytest.mark.slow
def test_second_run_does_nothing(smoke):
    code, text = smoke.run()
    assert code == 0
    assert "Nothing to be done" in text


@pytest.mark.slow
def test_changed_recipe_runs_again_what_depends_on_it(smoke):
    recipe = smoke.folder / "config" / "recipes" / "toy-rgb.yaml"
    text = recipe.read_text()
    recipe.write_text("# a remark\n" + text)
    assert smoke.planned() == set()
    recipe.write_text(text.replace("name: ", "name: other-", 1))
    planned = smoke.planned()
    recipe.write_text(text)
    test_set = ("measure_method", "synthetic-test", "rgb")
    made = {("train_model", "rgb"), ("convert_model", "rgb")}
    cost = ("measure_cost", "synthetic-test", "rgb")
    assert planned == {*made, test_set, cost, *SHOWN}


@pytest.mark.slow
def test_another_method_measures_that_one_only(smoke):
    config = smoke.configfile.read_text()
    smoke.configfile.write_text(config.replace("[l3c, ", "[l3c, jpeg2000, "))
    planned = smoke.planned()
    smoke.configfile.write_text(config)
    assert planned == {("measure_method", "synthetic-test", "jpeg2000"), *SHOWN}


@pytest.mark.slow
def test_report_is_made(smoke):
    code, text = smoke.run("--report", "report.html")
    assert code == 0, text
    assert (smoke.folder / "report.html").stat().st_size > 100_000


@pytest.mark.slow
def test_lint_and_format_are_clean(make_workflow):
    code, text = make_workflow().run("--lint")
    assert code == 0
    assert "Congratulations" in text, text
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"]
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 0


def test_bad_configuration_runs_nothing_and_says_what_is_allowed(make_workflow):
    workflow = make_workflow(methods=["pngg"], repeat=3)
    code, text = workflow.run()
    assert code != 0
    assert 'evaluate.repeat: unknown key "repeat". Did you mean "repeats"?' in text
    assert "Traceback" not in text
    assert not (workflow.folder / "out").exists()


def test_missing_folder_is_named(make_workflow):
    code, text = make_workflow(datasets={"mine": {"source": "no/photos"}}).run("--dry-run")
    assert code != 0
    assert "datasets.mine.source: the folder no/photos does not exist" in text


def test_reference_is_for_the_default_configuration(make_workflow):
    workflow = make_workflow()
    code, text = workflow.run("reference")
    assert code != 0
    assert "results/reference/ holds the results of the default configuration" in text
    assert not (workflow.folder / "results").exists()


def test_error_of_a_job_is_one_line_and_its_traceback_in_the_log(make_workflow, tmp_path):
    (tmp_path / "empty").mkdir()
    workflow = make_workflow(datasets={"mine": {"source": "empty"}})
    code, text = workflow.run()
    assert code != 0
    (line,) = [line for line in text.splitlines() if line.startswith("Error in build_dataset: ")]
    assert "empty" in line
    assert "Traceback" not in text
    assert "Traceback" in (tmp_path / "out/logs/build_dataset/mine.log").read_text()


@pytest.mark.slow
def test_images_left_out_are_listed_and_a_users_method_is_a_row(make_workflow, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).save(folder / "good.png")
    Image.fromarray(random.integers(0, 256, (20, 30), np.uint8)).save(folder / "grey.png")
    (folder / "text.png").write_text("no image")
    (tmp_path / "Mine.py").write_text(
        "from baselines.png import Png\nclass Mine(Png):\n    name = 'My own'\n    key = 'mine'\n"
    )
    workflow = make_workflow(datasets={"own": {"source": "photos"}}, methods=["png", "Mine.py"])
    code, text = workflow.run()
    assert code == 0, text
    assert {row.method for row in read_rows(tmp_path / "out/rows.csv")} == {"PNG", "My own"}
    with (tmp_path / "out/tables/left_out.csv").open() as file:
        assert {line["source"]: bool(line["reason"]) for line in csv.DictReader(file)} == {
            "grey.png": True,
            "text.png": True,
        }
    table = (tmp_path / "out/tables/comparison.md").read_text()
    assert "2 left out: grey.png" in table
    assert workflow.planned() == set()
    Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).save(folder / "new.png")
    code, text = workflow.run()
    assert code == 0, text
    rows = [row for row in read_rows(tmp_path / "out/rows.csv") if row.method == "PNG"]
    assert [row.image for row in rows] == ["good", "new"]


@pytest.mark.slow
def test_lossy_method_stops_the_run_and_names_the_image(make_workflow, tmp_path):
    (tmp_path / "lossy.py").write_text(
        "from baselines.png import Png\n"
        "class Lossy(Png):\n"
        "    name = 'Lossy'\n"
        "    key = 'lossy'\n"
        "    def encode(self, image):\n"
        "        return super().encode(image // 2 * 2)\n"
    )
    code, text = make_workflow(methods=["lossy.py"]).run()
    assert code != 0
    (line,) = [line for line in text.splitlines() if line.startswith("Error in measure_method: ")]
    assert "method lossy is not lossless on image test-0 of toy" in line
    assert not (tmp_path / "out/rows.csv").exists()


@pytest.mark.slow
def test_an_archive_is_fetched_prepared_in_shards_and_measured(make_workflow, tmp_path):
    random = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for name in ("a", "b", "c"):
            path = tmp_path / f"{name}.png"
            Image.fromarray(random.integers(0, 200, (20, 30, 3), np.uint8)).save(path)
            archive.write(path, f"photos/{name}.png")
    spec = {"source": "mine.zip", "shards": 2, "prepare": {"min_side": 8}, "licence": "CC0"}
    workflow = make_workflow(datasets={"mine": spec})
    code, text = workflow.run()
    assert code == 0, text
    assert [row.image for row in read_rows(tmp_path / "out/rows.csv")] == [
        f"mine_photos_{name}" for name in "abc"
    ]
    files = (tmp_path / "results/downloads/mine/files.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in files[1:]] == [
        f"mine/photos/{name}.png" for name in "abc"
    ]
    manifest = tmp_path / "out/data/mine/manifest.csv"
    before = manifest.read_text()
    assert before.count("CC0") == 3
    manifest.unlink()
    (tmp_path / "out/data/mine/shards/1-of-2.csv").unlink()
    planned = workflow.planned("out/data/mine/manifest.csv")
    assert planned == {("prepare_shard", "mine", "1", "2"), ("build_dataset", "mine")}
    assert workflow.run("out/data/mine/manifest.csv")[0] == 0
    assert manifest.read_text() == before


def test_a_dry_run_of_the_papers_configuration_says_what_it_costs(make_workflow, tmp_path):
    workflow = make_workflow()
    workflow.configfile = ROOT / "config" / "paper.yaml"
    code, text = workflow.run("--dry-run")
    assert code == 0, text
    assert re.search(r"About \d+ GB to download, up to [\d,]+ GB on disk \(11 image sets", text)
    trained = re.findall(r"^Training (.*): 700,000 steps of 30 crops", text, re.MULTILINE)
    assert trained == ["L3C", "RGB", "RGB Shared", "L3C (ImageNet32)", "L3C (ImageNet64)"]
    assert text.count("rule train_model:") == 5
    last = text.strip().splitlines()[-1]
    assert last.startswith(("All trainings together:", "GPU hours are not known:"))
    assert not (tmp_path / "results").exists()
