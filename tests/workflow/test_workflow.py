"""The workflow itself: what it makes, what it makes again, and what it says when it cannot."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from result_rows import rows_in
from tiny_models import write_model

from baselines.lossy.jpeg import Jpeg420
from l3c.bench.measure.provenance import read_provenance
from l3c.bench.schema import BatchRow, ChannelBits, LossyRow, ResultRow, TimingRow, failed, read

ROOT = Path(__file__).resolve().parents[2]
TRAINED = {"l3c", "rgb", "rgb_shared", "interlaced"}
LEARNED = {*TRAINED, "l3c_float", "causal_fast", "released"}
FIGURES = ["bpsp", "speed", "training", "samples", "heat_maps", "cost_maps", "bits", "phases"]
FIGURES += ["batches", "coding", "rate_distortion", "reconstructions"]
# What follows every change of the configuration: whatever is shown carries its provenance.
SHOWN = {("record_provenance",), ("collect_rows", "rows"), ("make_tables",), ("make_site",)}
SHOWN |= {("execute_notebook", "results"), ("execute_notebook", "one_image")}
SHOWN |= {("plot_figure", name) for name in FIGURES} | {("all",)}
# What depends on nothing but code, configuration and photographs: no time, no place, no machine.
RATES = ["provenance.json", "tables/rates.csv", "tables/left_out.csv", "figures/bpsp.svg"]


def noise(*shape):
    return Image.fromarray(np.random.default_rng(0).integers(0, 200, shape, np.uint8))


@pytest.mark.slow
def test_smoke_makes_everything(smoke):
    run = smoke.folder / "results" / "smoke"
    rows = rows_in(run / "rows.csv", ResultRow)
    assert {row.key for row in rows} == {*LEARNED, "raw", "png", "webp"}
    assert all(row.lossless and (run / row.stream).stat().st_size == row.num_bytes for row in rows)
    assert {row.key for row in rows if row.cross_entropy_bits > 0} == LEARNED
    tables = ["comparison.md", "comparison.csv", "comparison.tex", "rates.csv", "left_out.csv"]
    for name in [*tables, "paper.md", "paper.csv", "paper.tex"]:
        assert (run / "tables" / name).stat().st_size > 0
    figures = {path.name for path in (run / "figures").iterdir() if path.stat().st_size > 1000}
    assert figures == {f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")}
    assert {row.model for row in rows_in(run / "bits.csv", ChannelBits)} >= TRAINED
    assert len(list((run / "pictures/samples").glob("coffee-*.png"))) == 3
    views = [f"site/{view}.html" for view in ("index", "images", "results")]
    for name in (*views, "notebooks/results.html", "notebooks/one_image.html"):
        assert read_provenance(run / "provenance.json").stamp in (run / name).read_text()
    assert "MODEL = 'results/smoke/models/l3c" in (run / "notebooks/one_image.ipynb").read_text()
    assert {row.key for row in rows_in(run / "timing.csv", TimingRow)} == {"l3c", "png"}
    operations = {row.operation for row in rows_in(run / "batches.csv", BatchRow)}
    assert operations == {"sample", "encode", "decode"}
    assert len(rows_in(run / "lossy.csv", LossyRow)) == 3 * len(Jpeg420.points)
    assert not (smoke.folder / "results" / "reference").exists()
    page = (run / "site/results.html").read_text()
    links = re.findall(r'(?:href|src)="([^"#][^":]*)"', page)
    for name in ("rows.csv", "tables/comparison.tex", "figures/bpsp.png"):
        assert f"runs/A/{name}" in links
    assert [link for link in links if not (run / "site" / link).is_file()] == []
    assert f"{read_provenance(run / 'provenance.json').stamp}." in page
    assert (run / "site/images/tiny-test/coffee-cost.webp").is_file()


@pytest.mark.slow
def test_the_same_configuration_gives_the_same_rates_byte_for_byte(smoke, tmp_path):
    shutil.copytree(smoke.folder / "config", tmp_path / "config")
    again = type(smoke)(tmp_path, tmp_path / "config" / "smoke.yaml")
    targets = [f"elsewhere/{name}" for name in RATES]
    code, text = again.run("--config", "run=elsewhere", "--", *targets)
    assert code == 0, text
    first, second = smoke.folder / "results" / "smoke", tmp_path / "elsewhere"

    def made(run):
        patterns = [*RATES, "models/*.safetensors", "streams/*/*/[!.]*"]
        paths = [path for pattern in patterns for path in run.glob(pattern)]
        return {str(path.relative_to(run)): path.read_bytes() for path in paths}

    ours, theirs = made(first), made(second)
    assert len(ours) > len(RATES) + len(TRAINED) + 20  # weights of models; images by methods
    assert set(ours) == set(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []
    rates = [
        read(run / "rows.csv", ResultRow)[["key", "image", "num_bytes", "cross_entropy_bits"]]
        for run in (first, second)
    ]
    assert rates[0].equals(rates[1])
    # Where a run lies is in none of its tables, whatever they tell.
    tables = [path.read_text() for path in (second / "tables").rglob("*") if path.is_file()]
    assert not any("elsewhere" in text or str(tmp_path) in text for text in tables)


@pytest.mark.slow
def test_what_a_change_makes_again(smoke):
    assert "Nothing to be done" in smoke.run()[1]
    recipe = smoke.folder / "config" / "recipes" / "toy-rgb.yaml"
    text = recipe.read_text()
    recipe.write_text("# a remark\n" + text)
    assert smoke.planned() == set()
    recipe.write_text(text.replace("name: ", "name: other-", 1))
    planned = smoke.planned()
    recipe.write_text(text)
    rgb = {("train_model", "rgb"), ("measure_method", "tiny-test", "rgb")}
    rgb |= {("measure_model", "bits", "tiny-test", "rgb")}
    assert planned == {*rgb, ("collect_rows", "bits"), *SHOWN}

    config = smoke.configfile.read_text()
    smoke.configfile.write_text(config.replace("[l3c, ", "[l3c, jpeg2000, "))
    planned = smoke.planned()
    smoke.configfile.write_text(config)
    assert planned == {("measure_method", "tiny-test", "jpeg2000"), *SHOWN}


@pytest.mark.slow
def test_report_is_made(smoke):
    code, text = smoke.run("--report", "report.html")
    assert code == 0, text
    report = (smoke.folder / "report.html").read_text().replace("\\n", " ")
    assert "This run (results/smoke) measured 10 methods on tiny-test." in report
    for heading in ("Tables and figures of a run", "A walk through one photograph"):
        assert f'"labels": {{"content": "{heading}"}}' in report
    # Two labels, one of them with two values in halves of a category, break the page (snakemake 9).
    assert all(len(json.loads(labels)) == 1 for labels in re.findall(r'"labels": ({.*?})', report))


@pytest.mark.parametrize(
    ("target", "evaluate", "said"),
    [
        ("all", {"methods": ["pngg"], "repeat": 3}, ['key "repeat". Allowed: datasets']),
        ("all", {"methods": ["half.py", "gone.py"]}, ["2 problems", "half.py", "no_such_module"]),
        ("reference", {}, ["holds the results of the default configuration"]),
    ],
)
def test_what_cannot_run_says_why_before_anything_runs(
    make_workflow, tmp_path, target, evaluate, said
):
    (tmp_path / "half.py").write_text("def encode(image): return b''\n")
    (tmp_path / "gone.py").write_text("import no_such_module_anywhere\n")
    code, text = make_workflow(**evaluate).run(target)
    assert (code != 0, "Traceback (most" in text) == (True, False)
    assert [part for part in said if part not in text] == []
    assert not [*tmp_path.glob("out/*"), *tmp_path.glob("results/*")]


def test_a_figure_of_ones_own_is_planned_by_its_name(make_workflow, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from l3c.bench.figures.registry import figure\n"
        "@figure()\ndef mine(rows):\n    '''Mine.\n\n    My rows.\n    '''\n"
    )
    workflow = make_workflow()
    workflow.configfile.write_text(workflow.configfile.read_text() + "figures: [mine.py]\n")
    drawn = [job for job in workflow.planned("figure_mine") if job[0] == "plot_figure"]
    assert drawn == [("plot_figure", "mine")]


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
def test_images_left_out_are_listed_and_users_methods_are_rows(make_workflow, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    noise(20, 30, 3).save(folder / "good.png")
    noise(20, 30).save(folder / "grey.png")
    (folder / "text.png").write_text("no image")
    (folder / "gone.png").symlink_to("nowhere.png")
    own = "from baselines.png import Png\nclass {0}(Png):\n    name, key = '{0}', '{0}'.lower()\n"
    (tmp_path / "mine.py").write_text(own.format("Mine"))
    raises = "    def encode(self, image):\n        raise RuntimeError('no idea')\n"
    (tmp_path / "raises.py").write_text(own.format("Raises") + raises)
    methods = ["png", "mine.py", "raises.py"]
    workflow = make_workflow(datasets={"own": {"source": "photos"}}, methods=methods)
    code, text = workflow.run()
    assert code == 0, text
    out = tmp_path / "out"
    assert {row.method for row in rows_in(out / "rows.csv", ResultRow)} == {"PNG", "Mine"}
    (failure,) = failed(read(out / "rows.csv", ResultRow)).itertuples()
    assert (failure.key, failure.image) == ("raises", "good")
    for page in ("tables/comparison.md", "site/index.html"):
        assert "RuntimeError: no idea" in (out / page).read_text()
    with (out / "tables/left_out.csv").open() as file:
        left = {line["source"]: bool(line["reason"]) for line in csv.DictReader(file)}
    assert left == dict.fromkeys(["gone.png", "grey.png", "text.png"], True)
    assert "3 left out: gone.png" in (out / "tables/comparison.md").read_text()
    assert workflow.planned() == set()
    noise(20, 30, 3).save(folder / "new.png")
    measured = {("measure_method", "own", key) for key in ("png", "mine", "raises")}
    assert {("build_dataset", "own"), *measured} <= workflow.planned()


@pytest.mark.slow
def test_an_image_set_is_fetched_and_prepared(make_workflow, tmp_path):
    photos = tmp_path / "results/downloads/open-images-500/files/val_oi_500_r"  # put there by hand
    photos.mkdir(parents=True)
    for name in "abc":
        noise(20, 30, 3).save(photos / f"{name}.png")
    spec = {"source": "open-images-500", "prepare": {"min_side": 8}}
    workflow = make_workflow(datasets={"mine": spec})
    target = "out/data/mine/manifest.csv"
    planned = {("fetch_images", "open-images-500"), ("build_dataset", "mine")}
    assert workflow.planned(target) == planned
    code, text = workflow.run(target)
    assert code == 0, text
    files = (tmp_path / "results/downloads/open-images-500/files.csv").read_text().splitlines()
    names = [line.split(",")[0] for line in files[1:]]
    assert names == [f"val_oi_500_r/{name}.png" for name in "abc"]
    assert (tmp_path / target).read_text().count("CC BY 2.0 as stated by Open Images") == 3
    (tmp_path / target).unlink()
    assert workflow.planned(target) == {("build_dataset", "mine")}


def test_the_papers_configuration_is_planned(make_workflow, tmp_path):
    workflow = make_workflow()
    workflow.configfile = ROOT / "config" / "paper.yaml"
    planned = workflow.planned()
    assert len([job for job in planned if job[0] == "train_model"]) == 5
    assert not (tmp_path / "results").exists()


def test_the_authors_models_are_planned_from_their_files(make_workflow, tmp_path):
    workflow = make_workflow()
    workflow.configfile = ROOT / "config" / "released.yaml"
    code, text = workflow.run("--dry-run")
    assert code != 0
    assert len(set(re.findall(r"models\.(\w+)\.weights: models/authors/", text))) == 5
    kinds = {"l3c": "l3c", "rgb": "rgb", "rgb-shared": "rgb_shared"}
    kinds |= {"l3c-imagenet32": "l3c", "l3c-imagenet64": "l3c"}
    folder = tmp_path / "models" / "authors"
    folder.mkdir(parents=True)
    for name, kind in kinds.items():
        write_model(folder, kind, name=name)
    planned = workflow.planned()
    models = {name.replace("-", "_") for name in kinds}
    assert {job[1] for job in planned if job[0] == "copy_model"} == models
    assert not any(job[0] == "train_model" for job in planned)
    measured = {job[2:] for job in planned if job[:2] == ("measure_model", "as_published")}
    photographs = ("open-images-500", "div2k-valid", "raise-1k")
    expected = {(name, key) for name in photographs for key in ("l3c", "rgb", "rgb_shared")}
    expected |= {(f"imagenet{side}-small-valid", f"l3c_imagenet{side}") for side in (32, 64)}
    assert measured == expected


@pytest.mark.slow
def test_a_model_from_elsewhere_is_measured_by_both_rules(make_workflow, tmp_path):
    weights = write_model(tmp_path, "rgb_shared", name="mine")
    workflow = make_workflow(
        methods=["rgb_shared"], as_published=["rgb_shared"], published={"toy": "Open Images v3"}
    )
    config = yaml.safe_load(workflow.configfile.read_text())
    model = {"name": "RGB Shared", "recipe": None, "weights": str(weights)}
    config["models"] = {"rgb_shared": model}
    workflow.configfile.write_text(yaml.safe_dump(config))
    table = workflow.folder / "out/tables/comparison.csv"
    code, text = workflow.run(str(table.relative_to(workflow.folder)))
    assert code == 0, text
    row = next(csv.DictReader(table.read_text().splitlines()))
    assert (row["dataset"], row["key"]) == ("toy", "rgb_shared")
    assert 0 < float(row["mean_bpsp"]) < float(row["release_bpsp"])  # which pays for its padding
    copied = workflow.folder / "out/models/rgb_shared.safetensors"
    assert copied.read_bytes() == weights.read_bytes()


JOB = r"""
import os, sys
from types import SimpleNamespace
from l3c.progress import Progress
from l3c.workflow.job import job

with job(SimpleNamespace(threads=3, log=["logs/x.log"], rule="some_rule")):
    with Progress(2, "counting", "image") as progress:
        progress.update()
        progress.update()
    print("\udcff, of a file's name", file=sys.stderr)
    os.write(2, b"from a library\n")
    assert os.environ["OMP_NUM_THREADS"] == "3"
"""


def test_a_log_gets_whole_lines_and_the_terminal_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("L3C_MAIN_PROCESS", raising=False)  # a job without a run is left alone
    command = [sys.executable, "-c", JOB]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    log = (tmp_path / "logs" / "x.log").read_text()
    assert "counting: 2/2 images" in log
    assert "\\udcff, of a file's name\nfrom a library\n" in log
    assert "\r" not in log
