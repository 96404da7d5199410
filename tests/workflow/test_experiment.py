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
BATCHES = {"models": ["a"]}
MODELS = {
    "a": A,
    "a_float": B | {"arithmetic": "float"},
    "b": A | {"name": "C", "arithmetic": "float"},
    "unused": {"name": "D", "recipe": "no such recipe"},
}
BOTH = ["mine", "toy"]


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A small valid configuration; the working directory has images/, own.py and a recipe."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "own.py").write_text("encode = decode = bytes\n")
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


def put(config, **values):
    """Sets values by the paths of their keys, which are joined by double underscores."""
    for path, value in values.items():
        part = config
        *above, key = path.split("__")
        for name in above:
            part = part[name]
        part[key] = value


def problems(config):
    with pytest.raises(ExperimentError) as caught:
        check_experiment(config, ROOT)
    assert str(caught.value).count("\n") == len(caught.value.problems)
    return caught.value.problems


@pytest.mark.parametrize(
    ("methods", "more", "expected"),
    [
        (
            ["png", "own.py"],
            {"timing": {"dataset": "toy"}, "visualizations": {}},
            {"method_entries": {"png": "png", "own": "own.py"}, "trained": [], "in_integers": []}
            | {"timed": ["png", "own"], "timed_dataset": "toy", "used_datasets": BOTH}
            | {"batched": [], "visualized": None, "bits_dataset": None},
        ),
        (
            ["png", "a_float", "own.py", "a", "b"],
            {"timing": {"batches": {"models": ["a", "unused"]}}, "visualizations": {}},
            {"trained": ["a", "b"], "in_integers": ["a"], "used_datasets": BOTH}
            | {"timed": ["png", "own", "a"], "timed_dataset": "mine", "batched": ["a"]}
            | {"visualized": ("a", "mine"), "bits_dataset": "mine"},
        ),
        (
            ["png", "b", "a_float"],
            {"timing": {"methods": ["a_float", "png"]}, "evaluate__datasets": BOTH}
            | {"evaluate__methods_on": {"mine": ["png"]}}
            | {"visualizations": {"model": "a_float", "dataset": "toy", "images": ["x"]}},
            {"trained": ["b", "a"], "in_integers": [], "timed": ["a_float", "png"]}
            | {"visualized": ("a", "toy"), "bits_dataset": "toy"},
        ),
        (["a"], {}, {"timed": [], "timed_dataset": None, "batched": [], "visualized": None}),
    ],
)
def test_what_follows_from_a_configuration(config, methods, more, expected):
    put(config, models=MODELS, evaluate__methods=methods, **more)
    experiment, recipes = check_experiment(config, ROOT)
    assert {name: getattr(experiment, name)() for name in expected} == expected
    assert [recipes[key].variant for key in experiment.trained()] == ["rgb"] * len(recipes)


def test_a_model_may_have_been_trained_elsewhere(config, tmp_path):
    write_model(tmp_path, "rgb", name="mine")
    models = {
        "mine": {"name": "Mine", "weights": "mine.safetensors"},
        "released": {"name": "Released", "weights": "interlaced-small"},
        "mine_float": {"name": "Float", "weights_from": "mine", "arithmetic": "float"},
    }
    put(config, models=models, train=None)
    config["evaluate"] |= {"methods": [*models], "as_published": ["mine_float"]}
    experiment, recipes = check_experiment(config, ROOT)
    assert experiment.trained() == experiment.given() == ["mine", "released"]
    assert [recipe.variant for recipe in recipes.values()] == ["rgb", "interlaced"]
    assert experiment.used_datasets() == ["mine"]
    assert experiment.by_release_rules("mine") == ["mine"]
    assert given_model(experiment, "released", ROOT).name == "interlaced-small"

    put(config, models__mine__weights="gone.safetensors", models__released__weights="small")
    first, second = problems(config)
    assert first.startswith("models.mine.weights: gone")
    assert second.startswith("models.released.weights: ")
    (tmp_path / "gone.json").write_text("{}")
    assert problems(config)[0].startswith("models.mine.weights: gone.safetensors")


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
        ("evaluate.methods_on", {"mine": ["webp"]}, "evaluate.methods_on.mine", "png, own.py"),
        ("evaluate.datasets", ["gone"], "datasets.gone.source", "nowhere"),
        ("evaluate.published", "Open Images v3", "evaluate.published", ""),
        ("evaluate.published", {"mine": "Open Images v4"}, "evaluate.published", "Images v3"),
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
        ("timing", {"batches": BATCHES}, "timing.batches.models", '"a"'),
        ("timing", {"batches": BATCHES | {"sample_batch_sizes": [1, 1]}}, "timing.batches", ""),
        ("lossy", {"datasets": ["toy"], "codecs": ["jpeg"]}, "lossy.codecs", "jpeg_420"),
        ("notebooks", ["mine.ipynb"], "notebooks", "mine.ipynb"),
        ("figures", ["mine.py"], "figures", "mine.py"),
        ("notebooks", ["own.py"], "notebooks.0 = 'own.py'", ""),
        ("notebooks", ["a/n.ipynb", "n.ipynb"], "notebooks: n.ipynb", "a/n.ipynb"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(config, path, value, where, said):
    put(config, **{path.replace(".", "__"): value})
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
    experiment, _ = check_experiment(config, ROOT)
    assert experiment.notebook_files() == {"results": "notebooks/results.ipynb"}


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
