"""The workflow itself: what it makes, what it makes again, and what it says when it cannot."""

import csv
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from tiny_models import write_model

from l3c.bench.measure.provenance import read_stamp
from l3c.bench.schema import (
    BatchRow,
    ChannelBits,
    ResultRow,
    TimingRow,
    failed,
    read,
    read_rows,
)

ROOT = Path(__file__).resolve().parents[2]
LEARNED = {"l3c", "l3c_float", "rgb", "rgb_shared", "interlaced"}
# What follows every change of the configuration: whatever is shown carries its provenance.
SHOWN = {("record_provenance",), ("collect_rows",), ("make_tables",)}
SHOWN |= {("render_tables",), ("execute_notebook", "results"), ("execute_notebook", "one_image")}
FIGURES = ["bpsp", "speed", "training", "samples", "heat_maps", "cost_maps", "bits", "stages"]
FIGURES += ["batches"]
SHOWN |= {("plot_figure", name) for name in FIGURES} | {("make_sample_table",), ("all",)}
SHOWN |= {("make_results_page",)}
# What depends on nothing but code, configuration and photographs: no time, no place, no machine.
RATES = ["provenance.json", "tables/rates.csv", "tables/left_out.csv", "figures/bpsp.svg"]
RATES += ["tables/paper/table1.csv", "tables/paper/tableA2.csv"]


@pytest.mark.slow
def test_smoke_makes_everything(smoke):
    run = smoke.folder / "results" / "smoke"
    rows = read_rows(run / "rows.csv", ResultRow)
    assert {row.key for row in rows} == {*LEARNED, "raw", "png", "webp"}
    assert all(row.lossless and (run / row.stream).stat().st_size == row.num_bytes for row in rows)
    learned = [row for row in rows if row.cross_entropy_bits is not None]
    assert {row.key for row in learned} == LEARNED
    tables = ["comparison.md", "comparison.csv", "comparison.tex", "rates.csv", "left_out.csv"]
    numbers = ("1", "2", "3", "A1", "A2", "A3")
    paper = [f"paper/table{number}.{kind}" for number in numbers for kind in ("md", "csv", "tex")]
    for name in [*tables, "integer_cost.md", "integer_cost.csv", "paper/paper.md", *paper]:
        assert (run / "tables" / name).stat().st_size > 0
    assert sorted(path.stem for path in (run / "figures").glob("*.svg")) == sorted(FIGURES)
    for name in FIGURES:
        for kind in ("svg", "png"):
            assert (run / "figures" / f"{name}.{kind}").stat().st_size > 1000
    assert {row.model for row in read_rows(run / "bits.csv", ChannelBits)} == LEARNED - {
        "l3c_float"
    }
    assert len(list((run / "pictures/samples").glob("test-0-*.png"))) == 3
    for name in ("tables/comparison.html", "notebooks/results.html", "notebooks/one_image.html"):
        assert "Provenance: " in (run / name).read_text()
    assert "MODEL = 'results/smoke/models/l3c" in (run / "notebooks/one_image.ipynb").read_text()
    timing = read_rows(run / "timing.csv", TimingRow)
    assert {row.key for row in timing} == {"l3c", "png"}
    operations = {row.operation for row in read_rows(run / "batches.csv", BatchRow)}
    assert operations == {"sample", "encode", "decode"}
    assert not (smoke.folder / "results" / "reference").exists()
    page = (run / "README.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert {"rows.csv", "tables/comparison.tex", "figures/bpsp.png"} <= set(links)
    assert [link for link in links if not (run / link).is_file()] == []
    assert page.rstrip().endswith(f"Provenance: {read_stamp(run / 'provenance.json')}.")


@pytest.mark.slow
def test_the_same_commit_and_configuration_give_the_same_rates_byte_for_byte(smoke, tmp_path):
    shutil.copytree(smoke.folder / "config", tmp_path / "config")
    again = type(smoke)(tmp_path, tmp_path / "config" / "smoke.yaml")
    code, text = again.run("--config", "run=elsewhere")
    assert code == 0, text
    first, second = smoke.folder / "results" / "smoke", tmp_path / "elsewhere"

    def made(run):
        patterns = ["models/*.safetensors", "streams/*/*/[!.]*"]
        paths = [path for pattern in patterns for path in run.glob(pattern)]
        names = [str(path.relative_to(run)) for path in paths]
        return {name: (run / name).read_bytes() for name in [*RATES, *names]}

    ours, theirs = made(first), made(second)
    assert len(ours) == len(RATES) + 4 + 3 * 8  # weights of models; images by methods
    assert set(ours) == set(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []
    rates = [
        [
            (row.key, row.image, row.num_bytes, row.cross_entropy_bits)
            for row in read_rows(run / "rows.csv", ResultRow)
        ]
        for run in (first, second)
    ]
    assert rates[0] == rates[1]
    # Where a run lies is in none of its tables, whatever they tell.
    tables = [path.read_text() for path in (second / "tables").rglob("*") if path.is_file()]
    assert not any("elsewhere" in text or str(tmp_path) in text for text in tables)


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
    cost = ("measure_cost", "synthetic-test", "rgb")
    assert planned == {("train_model", "rgb"), test_set, cost, ("measure_bits",), *SHOWN}


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
    report = (smoke.folder / "report.html").read_text().replace("\\n", " ")
    assert "This run (results/smoke) measured 8 methods on synthetic-test." in report
    for heading in ("Tables and figures of a run", "A walk through one photograph"):
        assert f'"labels": {{"content": "{heading}"}}' in report
    # Two labels, one of them with two values in halves of a category, break the page (snakemake 9).
    assert all(len(json.loads(labels)) == 1 for labels in re.findall(r'"labels": ({.*?})', report))


def test_every_result_of_the_report_has_a_caption_and_one_label():
    rules = [path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk")]
    captions = re.findall(r'caption=f?"\.\./report/([^"]*)"', "".join(rules))
    assert len(captions) > 5
    for name in captions:
        assert "{" in name or (ROOT / "workflow" / "report" / name).is_file()
    for labels in re.findall(r"labels=(\{[^}]*\}|[^\s,]+)", "".join(rules)):
        assert labels.startswith('{"content": ') or labels.startswith("get_"), labels
        assert labels.count('": ') <= 1, labels


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
    (folder / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "Mine.py").write_text(
        "from baselines.png import Png\nclass Mine(Png):\n    name = 'My own'\n    key = 'mine'\n"
    )
    workflow = make_workflow(datasets={"own": {"source": "photos"}}, methods=["png", "Mine.py"])
    code, text = workflow.run()
    assert code == 0, text
    assert {row.method for row in read_rows(tmp_path / "out/rows.csv", ResultRow)} == {
        "PNG",
        "My own",
    }
    with (tmp_path / "out/tables/left_out.csv").open() as file:
        assert {line["source"]: bool(line["reason"]) for line in csv.DictReader(file)} == {
            "gone.png": True,
            "grey.png": True,
            "text.png": True,
        }
    table = (tmp_path / "out/tables/comparison.md").read_text()
    assert "3 left out: gone.png" in table
    assert workflow.planned() == set()
    Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).save(folder / "new.png")
    code, text = workflow.run()
    assert code == 0, text
    rows = [row for row in read_rows(tmp_path / "out/rows.csv", ResultRow) if row.method == "PNG"]
    assert [row.image for row in rows] == ["good", "new"]


@pytest.mark.slow
def test_a_method_that_fails_is_a_row_and_the_others_go_on(make_workflow, tmp_path):
    (tmp_path / "lossy.py").write_text(
        "import zlib\nimport numpy as np\n"
        "def encode(image):\n"
        "    image &= 0xF0\n"
        "    return np.array(image.shape, '<u4').tobytes() + zlib.compress(image.tobytes())\n"
        "def decode(data):\n"
        "    shape = np.frombuffer(data[:12], '<u4')\n"
        "    return np.frombuffer(zlib.decompress(data[12:]), np.uint8).reshape(shape)\n"
    )
    (tmp_path / "raises.py").write_text(
        "from baselines.png import Png\n"
        "class Raises(Png):\n"
        "    name, key = 'Raises', 'raises'\n"
        "    def encode(self, image):\n"
        "        raise RuntimeError('no idea')\n"
    )
    code, text = make_workflow(methods=["lossy.py", "raises.py", "png"]).run()
    assert code == 0, text
    rows = tmp_path / "out/rows.csv"
    assert {row.key for row in read_rows(rows, ResultRow)} == {"png"}
    table = failed(read(rows, ResultRow))
    reasons = dict(zip(zip(table.key, table.image, strict=True), table.reason, strict=True))
    assert "not lossless" in reasons["lossy", "test-0"]
    assert "RuntimeError: no idea" in reasons["raises", "test-0"]
    for page in ("tables/comparison.md", "README.md"):
        assert "RuntimeError: no idea" in (tmp_path / "out" / page).read_text()


def test_methods_are_checked_before_anything_runs(make_workflow, tmp_path):
    (tmp_path / "half.py").write_text("def encode(image): return b''\n")
    (tmp_path / "broken.py").write_text("import no_such_module_anywhere\n")
    code, text = make_workflow(methods=["png", "half.py", "broken.py"]).run()
    assert code != 0
    assert "2 problems" in text
    assert "half.py" in text
    assert "no_such_module_anywhere" in text
    assert not (tmp_path / "out").exists()


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
    assert [row.image for row in read_rows(tmp_path / "out/rows.csv", ResultRow)] == [
        f"mine_photos_{name}" for name in "abc"
    ]
    files = (tmp_path / "results/downloads/archives/mine/files.csv").read_text().splitlines()
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


def test_an_archive_may_be_called_what_an_image_set_is(make_workflow, tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("a.png", b"")
    workflow = make_workflow(datasets={"kodak": {"source": "mine.zip"}})
    target = "out/data/kodak/manifest.csv"
    assert workflow.planned(target) == {("fetch_images", "archives"), ("build_dataset", "kodak")}


def test_the_papers_configuration_is_planned(make_workflow, tmp_path):
    workflow = make_workflow()
    workflow.configfile = ROOT / "config" / "paper.yaml"
    code, text = workflow.run("--dry-run")
    assert code == 0, text
    assert text.count("rule train_model:") == 5
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
    assert not any(job[0] in ("train_model", "plot_training") for job in planned)
    measured = {job[1:] for job in planned if job[0] == "measure_as_published"}
    photographs = ("open-images-500", "div2k-valid", "raise-1k")
    expected = {(name, key) for name in photographs for key in ("l3c", "rgb", "rgb_shared")}
    for side in (32, 64):
        expected.add((f"imagenet{side}-small-valid", f"l3c_imagenet{side}"))
    assert measured == expected


def test_a_model_from_elsewhere_is_measured_by_both_rules(make_workflow, tmp_path):
    weights = write_model(tmp_path, "rgb_shared", name="mine")
    workflow = make_workflow(methods=["rgb_shared"], as_published=["rgb_shared"])
    config = yaml.safe_load(workflow.configfile.read_text())
    config["models"] = {
        "rgb_shared": {"name": "RGB Shared", "recipe": None, "weights": str(weights)}
    }
    config["evaluate"]["published"] = {"toy": "Open Images v3"}
    workflow.configfile.write_text(yaml.safe_dump(config))
    code, text = workflow.run()
    assert code == 0, text
    table = workflow.folder / "out/tables/as_published.csv"
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert (row["dataset"], row["model"], row["published_bpsp"]) == ("toy", "rgb_shared", "3.314")
    assert (row["released_as"], row["difference"], row["reproduced"]) == ("", "", "")
    assert 0 < float(row["files_bpsp"]) < float(row["release_bpsp"])  # which pays for its padding
    copied = workflow.folder / "out/models/rgb_shared.safetensors"
    assert copied.read_bytes() == weights.read_bytes()
    assert not (workflow.folder / "out/figures/training.svg").exists()
