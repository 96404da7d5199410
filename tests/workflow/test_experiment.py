"""The configuration is checked before anything runs, and every problem says what is allowed."""

from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config
from tiny_models import write_model

from baselines.lossy import LOSSY_METHODS
from l3c.workflow.checks import ExperimentError, check_experiment, given_model
from l3c.workflow.experiment import resolve
from tools.configuration_page import PAGE, page

ROOT = Path(__file__).resolve().parents[2]
A = {"name": "A", "recipe": "r.yaml"}
B = {"name": "B", "weights_from": "a"}
FLOAT = B | {"arithmetic": "float"}
BATCHES = {"models": ["a"]}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A small valid configuration; the working directory has images/, own.py and a recipe."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "own.py").write_text("")
    (tmp_path / "r.yaml").write_text("name: r\nmodel: {kind: rgb}\n")
    return {
        "run": "out",
        "datasets": {
            "mine": {"source": "images"},
            "toy": {"source": "embedded", "subset": "train"},
            "gone": {"source": "nowhere"},  # and not used
        },
        "train": "toy",
        "models": {},
        "evaluate": {"datasets": ["mine"], "methods": ["png", "own.py"]},
    }


def checked(config, *methods, **models):
    config["models"] = models
    config["evaluate"]["methods"] = [*(methods or config["evaluate"]["methods"])]
    return check_experiment(config, ROOT)[0]


def problems(config):
    with pytest.raises(ExperimentError) as caught:
        check_experiment(config, ROOT)
    assert str(caught.value).count("\n") == len(caught.value.problems)
    return caught.value.problems


def test_only_measured_models_are_trained(config):
    experiment = checked(config)
    assert experiment.method_entries() == {"png": "png", "own": "own.py"}
    assert (experiment.trained(), experiment.used_datasets()) == ([], ["mine"])
    unused = {"name": "C", "recipe": "no such recipe"}
    experiment = checked(config, "a_float", "png", a=A, a_float=FLOAT, c=unused)
    assert (experiment.trained(), experiment.used_datasets()) == (["a"], ["mine", "toy"])
    assert check_experiment(config, ROOT)[1]["a"].variant == "rgb"


def test_a_model_may_have_been_trained_elsewhere(config, tmp_path):
    write_model(tmp_path, "rgb", name="mine")
    models = {
        "mine": {"name": "Mine", "weights": "mine.safetensors"},
        "released": {"name": "Released", "weights": "interlaced-small"},
        "mine_float": {"name": "Float", "weights_from": "mine", "arithmetic": "float"},
    }
    config["evaluate"]["as_published"] = ["mine_float"]
    del config["train"]
    experiment = checked(config, *models, **models)
    assert experiment.trained() == experiment.given() == ["mine", "released"]
    recipes = check_experiment(config, ROOT)[1].values()
    assert [recipe.variant for recipe in recipes] == ["rgb", "interlaced"]
    assert experiment.used_datasets() == ["mine"]
    assert experiment.by_release_rules("mine") == ["mine"]
    assert given_model(experiment, "released", ROOT).name == "interlaced-small"

    config["models"]["mine"]["weights"] = "gone.safetensors"
    config["models"]["released"]["weights"] = "interlaced-smal"
    first, second = problems(config)
    assert first.startswith("models.mine.weights: gone")
    assert second.startswith("models.released.weights: ")
    (tmp_path / "gone.json").write_text("{}")
    assert problems(config)[0].startswith("models.mine.weights: gone.safetensors")


def test_what_is_timed(config):
    models = {"a": A, "a_float": FLOAT, "other": A | {"name": "C"}}
    methods = ["a", "a_float", "png", "own.py"]
    experiment = checked(config, *methods, **models)
    assert (experiment.timed(), experiment.batched(), experiment.timed_dataset()) == ([], [], None)
    config["timing"] = {"dataset": "toy", "batches": {"models": ["a", "other"]}}
    experiment = checked(config, **models)
    assert (experiment.timed(), experiment.batched()) == (["a", "png", "own"], ["a"])
    config["train"] = "mine"
    config["timing"]["methods"] = ["a_float", "own.py"]
    experiment = checked(config, **models)
    assert experiment.timed() == ["a_float", "own"]
    assert experiment.used_datasets() == ["mine", "toy"]


def test_what_is_measured_in_integers(config):
    models = {"a": A, "a_float": FLOAT, "b": A | {"name": "C", "arithmetic": "float"}}
    assert checked(config, "a", "a_float", "b", **models).in_integers() == ["a"]
    assert checked(config, "a_float", "b", **models).in_integers() == []


def test_visualizations_are_of_the_first_model_and_data_set_unless_named(config):
    models = {"a": A, "b": A | {"name": "C"}, "b_float": FLOAT | {"weights_from": "b"}}
    config["visualizations"] = {}
    assert checked(config, "png", **models).visualized() is None
    config["evaluate"]["datasets"] = ["mine", "toy"]
    assert checked(config, "png", "a", "b_float", **models).visualized() == ("a", "mine")
    config["visualizations"] = {"model": "b_float", "dataset": "toy", "images": ["x"]}
    assert checked(config, **models).visualized() == ("b", "toy")


def test_bits_are_of_the_first_data_set_with_a_model(config):
    assert checked(config).bits_dataset() is None
    config["evaluate"]["datasets"] = ["mine", "toy"]
    assert checked(config, "png", "a", a=A).bits_dataset() == "mine"
    config["evaluate"]["methods_on"] = {"mine": ["png"]}
    assert checked(config, a=A).bits_dataset() == "toy"


@pytest.mark.parametrize(
    ("path", "value", "where", "said"),
    [
        ("evaluate.metods", [], "evaluate", "methods"),
        ("datasets.mine.prepare", {"min_sid": 5}, "datasets.mine.prepare", "min_side"),
        ("evaluate.repeats", 0, "evaluate.repeats = 0", ""),
        ("evaluate.methods", [], "evaluate.methods", ""),
        ("evaluate.methods", ["pgn"], "evaluate.methods", "png"),
        ("evaluate.methods", ["png", "png"], "evaluate.methods", ""),
        ("evaluate.methods", ["no.py"], "evaluate.methods", "no.py"),
        ("evaluate.methods", ["own.py", "./own.py"], "evaluate.methods: ./own.py", "own.py"),
        ("evaluate.methods_on", {"toy": ["png"]}, "evaluate.methods_on", "Allowed: mine"),
        ("evaluate.methods_on", {"mine": ["webp"]}, "evaluate.methods_on.mine", "png, own.py"),
        ("evaluate.datasets", ["mime"], "evaluate.datasets", "mine"),
        ("evaluate.datasets", ["gone"], "datasets.gone.source", "nowhere"),
        ("evaluate.published", "Open Images v3", "evaluate.published", ""),
        ("evaluate.published", {"mine": "Open Images v4"}, "evaluate.published", "Images v3"),
        ("evaluate.as_published", ["a"], "evaluate.as_published", '"a"'),
        ("datasets.mine.subset", "train", "datasets.mine", ""),
        ("datasets", {"-a": {"source": "images"}}, "datasets.-a", ""),
        ("train", "tyo", "train", "toy"),
        ("models", {"A-b": A}, "models.A-b", ""),
        ("models", {"png": A}, "models.png", "key"),
        ("models", {"a": A, "b": A}, "models.b", "label"),
        ("models", {"a": A | {"name": "PNG"}}, "models.a", "label"),
        ("models", {"a": A | {"published_as": "L3D"}}, "models.a.published_as", "L3C"),
        ("models", {"a": {"name": "A", "weights_from": "b"}}, "models.a.weights_from", '"b"'),
        ("models", {"a": A, "b": B | {"train": "toy"}}, "models.b", "recipe"),
        ("visualizations", {"dataset": "toy"}, "visualizations.dataset", "Allowed: mine"),
        ("visualizations", {"images": 99}, "visualizations.images", "8"),
        ("timing", {"dataset": "tyo"}, "timing.dataset", "toy"),
        ("timing", {"methods": ["webp"]}, "timing.methods", '"webp"'),
        ("timing", {"batches": BATCHES}, "timing.batches.models", '"a"'),
        ("timing", {"batches": BATCHES | {"sample_batch_sizes": [1, 1]}}, "timing.batches", ""),
        ("timing", {"batches": BATCHES | {"single": 32}}, "timing.batches", "32"),
        ("lossy", {"datasets": ["tyo"]}, "lossy.datasets", "toy"),
        ("lossy", {"datasets": ["toy"], "codecs": ["jpeg"]}, "lossy.codecs", "jpeg_420"),
        ("notebooks", ["mine.ipynb"], "notebooks", "mine.ipynb"),
        ("figures", ["mine.py"], "figures", "mine.py"),
        ("notebooks", ["own.py"], "notebooks.0 = 'own.py'", ""),
        ("notebooks", ["a/n.ipynb", "n.ipynb"], "notebooks: n.ipynb", "a/n.ipynb"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(config, path, value, where, said):
    part = config
    *above, key = path.split(".")
    for name in above:
        part = part[name]
    part[key] = value
    found = problems(config)
    assert any(problem.startswith(where) and said in problem for problem in found), found


def test_problems_of_training_name_model_and_file(config, tmp_path):
    (tmp_path / "bad.yaml").write_text("name: r\nmodel: {kind: rbg}\n")
    recipes = {"a": A | {"recipe": "bad.yaml"}, "b": {"name": "B", "recipe": "none.yaml"}}
    del config["train"]
    config["models"] = recipes | {"c": {"name": "C", "recipe": "r.yaml", "train": "toy"}}
    config["evaluate"]["methods"] = ["a", "b", "c"]
    starts = ["train: missing, and models.a", "models.a.recipe: bad.yaml"]
    starts += ["train: missing, and models.b", "models.b.recipe: none.yaml"]
    for problem, start in zip(problems(config), starts, strict=True):
        assert problem.startswith(start)


def test_paths_are_looked_up_here_first_then_beside_the_workflow(config, tmp_path):
    assert resolve("Snakefile", ROOT) == ROOT / "Snakefile"
    (tmp_path / "Snakefile").touch()
    assert resolve("Snakefile", ROOT) == Path("Snakefile")
    config["notebooks"] = ["notebooks/results.ipynb"]
    assert checked(config).notebook_files() == {"results": "notebooks/results.ipynb"}


def test_the_page_on_the_configuration_is_of_the_code():
    """Written anew by `python -m tools.configuration_page`."""
    assert PAGE.read_text(encoding="utf-8") == page()
    for key in ("repeats", "batches", "longer_side", "weights_from", "pixel_sha256"):
        assert f"| `{key}` |" in page()


def test_the_configuration_of_cpm_trains_the_models_that_it_measures():
    config, cpm = (
        yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8"))
        for name in ("config.yaml", "cpm.yaml")
    )
    update_config(config, cpm)
    experiment, recipes = check_experiment(config, ROOT)
    assert experiment.trained() == ["cpm_low", "cpm_med", "cpm_hi"] == [*recipes]
    assert set(experiment.used_datasets()) == {"cpm-train", "cpm-test"}
    assert experiment.lossy.keys() == ["cpm", *LOSSY_METHODS]
    misplaced = {"methods": ["cpm_low"]}, {"models": ["l3c"], "datasets": ["cpm-test"]}
    for key, value in zip(("evaluate", "lossy"), misplaced, strict=True):
        with pytest.raises(ExperimentError) as caught:
            check_experiment(config | {key: config[key] | value}, ROOT)
        assert caught.value.problems[0].startswith("models.")
