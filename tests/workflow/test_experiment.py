"""The configuration is checked before anything runs, and every problem says what is allowed."""

from pathlib import Path

import pytest
import yaml
from tiny_models import write_model

from baselines.registry import method_key
from l3c.workflow import experiment
from l3c.workflow.checks import ExperimentError, check_experiment, given_model
from l3c.workflow.experiment import resolve
from l3c.workflow.reference import PAGE, page

ROOT = Path(__file__).resolve().parents[2]
A = {"name": "A", "recipe": "r.yaml"}
B = {"name": "B", "same_as": "a"}
BATCHES = {"models": ["a"]}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A small valid configuration; the working directory is a folder with images/ and own.py."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "own.py").write_text("")
    return {
        "run": "out",
        "datasets": {
            "mine": {"source": "images"},
            "toy": {"source": "synthetic", "subset": "train"},
            "gone": {"source": "nowhere"},  # and not used
        },
        "train": "toy",
        "models": {},
        "evaluate": {"datasets": ["mine"], "methods": ["png", "own.py"]},
    }


def problems(config):
    with pytest.raises(ExperimentError) as caught:
        check_experiment(config, ROOT)
    assert str(caught.value).count("\n") == len(caught.value.problems)
    return caught.value.problems


def test_valid_configuration_is_typed(config):
    checked, recipes = check_experiment(config, ROOT)
    assert checked.method_entries() == {"png": "png", "own": "own.py"}
    assert checked.used_datasets() == ["mine"]  # nothing is trained, so "toy" is not built
    assert (checked.trained(), recipes) == ([], {})


def test_a_model_may_have_been_trained_elsewhere(config, tmp_path):
    write_model(tmp_path, "rgb", name="mine")
    config["models"] = {
        "mine": {"name": "Mine", "weights": "mine.safetensors"},
        "released": {"name": "Released", "weights": "interlaced-small"},
        "mine_float": {"name": "Float", "same_as": "mine", "arithmetic": "float"},
    }
    config["evaluate"] |= {"methods": ["mine", "released", "mine_float"]}
    config["evaluate"] |= {"as_published": ["mine_float"]}
    del config["train"]
    checked, recipes = check_experiment(config, ROOT)
    assert checked.trained() == checked.given() == ["mine", "released"]
    assert [recipe.variant for recipe in recipes.values()] == ["rgb", "interlaced"]
    assert checked.used_datasets() == ["mine"]
    assert checked.by_release_rules("mine") == ["mine"]
    assert given_model(checked, "released", ROOT).name == "interlaced-small"

    config["models"]["mine"]["weights"] = "gone.safetensors"
    config["models"]["released"]["weights"] = "interlaced-smal"
    first, second = problems(config)
    assert first.startswith("models.mine.weights: gone.json")
    assert second.startswith("models.released.weights: no model is called interlaced-smal")
    (tmp_path / "gone.json").write_text("{}")
    assert problems(config)[0].startswith("models.mine.weights: gone.safetensors")


def test_what_is_timed(config, tmp_path):
    (tmp_path / "r.yaml").write_text("name: r\nmodel: {kind: rgb}\n")
    config["models"] = {
        "a": {"name": "A", "recipe": "r.yaml"},
        "a_float": {"name": "B", "same_as": "a", "arithmetic": "float"},
        "other": {"name": "C", "recipe": "r.yaml"},
    }
    config["evaluate"]["methods"] = ["a", "a_float", "png", "own.py"]
    checked, _ = check_experiment(config, ROOT)
    assert (checked.timed(), checked.batched()) == ([], [])
    config["timing"] = {"dataset": "toy", "batches": {"models": ["a", "other"]}}
    checked, _ = check_experiment(config, ROOT)
    assert (checked.timed(), checked.batched()) == (["a", "png", "own"], ["a"])
    config["train"] = "mine"
    config["timing"]["methods"] = ["a_float", "own.py"]
    checked, _ = check_experiment(config, ROOT)
    assert checked.timed() == ["a_float", "own"]
    assert checked.used_datasets() == ["mine", "toy"]


def test_what_is_measured_in_integers(config, tmp_path):
    (tmp_path / "r.yaml").write_text("name: r\nmodel: {kind: rgb}\n")
    config["models"] = {
        "a": A,
        "a_float": {"name": "B", "same_as": "a", "arithmetic": "float"},
        "b": {"name": "C", "recipe": "r.yaml", "arithmetic": "float"},
    }
    config["evaluate"]["methods"] = ["a", "a_float", "b"]
    assert check_experiment(config, ROOT)[0].in_integers() == ["a"]
    config["evaluate"]["methods"] = ["a_float", "b"]
    assert check_experiment(config, ROOT)[0].in_integers() == []


def test_problems_of_a_timing(config):
    config["timing"] = {"dataset": "tyo", "methods": ["webp"], "batches": {"models": ["l3c"]}}
    found = "; ".join(problems(config))
    assert 'timing.dataset: unknown data set "tyo". Did you mean "toy"?' in found
    assert "timing.methods: webp is not in evaluate.methods" in found
    assert 'timing.batches.models: unknown model "l3c"' in found


def test_only_models_that_are_measured_are_trained(config, tmp_path):
    (tmp_path / "r.yaml").write_text("name: r\nmodel: {kind: rgb}\n")
    config["models"] = {"a": {"name": "A", "recipe": "r.yaml"}, "b": {"name": "B", "recipe": "no"}}
    config["evaluate"]["methods"] = ["a", "png"]
    checked, recipes = check_experiment(config, ROOT)
    assert checked.trained() == ["a"]
    assert recipes["a"].variant == "rgb"
    assert checked.used_datasets() == ["mine", "toy"]


def test_pictures_are_of_the_first_model_and_data_set_unless_named(config, tmp_path):
    (tmp_path / "r.yaml").write_text("name: r\nmodel: {kind: rgb}\n")
    config["models"] = {
        "a": {"name": "A", "recipe": "r.yaml"},
        "b": {"name": "B", "recipe": "r.yaml"},
        "b_float": {"name": "C", "same_as": "b"},
    }
    config["pictures"] = {}
    assert check_experiment(config, ROOT)[0].pictured() is None  # no model is measured
    config["evaluate"] = {"datasets": ["mine", "toy"], "methods": ["png", "a", "b_float"]}
    assert check_experiment(config, ROOT)[0].pictured() == ("a", "mine")
    config["pictures"] = {"model": "b_float", "dataset": "toy", "images": ["x"]}
    assert check_experiment(config, ROOT)[0].pictured() == ("b", "toy")
    config["pictures"] = None
    assert check_experiment(config, ROOT)[0].pictured() is None


def test_bits_are_of_the_first_data_set_with_a_model(config, tmp_path):
    (tmp_path / "r.yaml").write_text("name: r\nmodel: {kind: rgb}\n")
    config["models"] = {"a": {"name": "A", "recipe": "r.yaml"}}
    assert check_experiment(config, ROOT)[0].bits_dataset() is None  # no model is measured
    config["evaluate"] = {"datasets": ["mine", "toy"], "methods": ["png", "a"]}
    assert check_experiment(config, ROOT)[0].bits_dataset() == "mine"
    config["evaluate"]["methods_on"] = {"mine": ["png"]}
    assert check_experiment(config, ROOT)[0].bits_dataset() == "toy"


def test_unknown_key_is_answered_with_the_allowed_ones(config):
    config["evaluate"]["metods"] = []
    (problem,) = problems(config)
    assert problem.startswith('evaluate.metods: unknown key "metods". Did you mean "methods"?')
    assert "datasets, methods, methods_on, published, repeats" in problem


def test_unknown_key_below_an_optional_part(config):
    config["datasets"]["mine"]["prepare"] = {"min_sid": 5}
    (problem,) = problems(config)
    assert (
        'datasets.mine.prepare.min_sid: unknown key "min_sid". Did you mean "min_side"?' in problem
    )


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("evaluate", "repeats"), 0, "evaluate.repeats = 0: should be greater than or equal to 1"),
        (("evaluate", "repeats"), "x", "should be a valid integer"),
        (("evaluate", "methods"), [], "should have at least 1 item"),
        (("datasets", "toy", "subset"), "tset", "should be 'train' or 'test'"),
        (("datasets", "toy", "subset"), None, 'subset is missing: "train" or "test"'),
        (("datasets", "mine", "source"), "nowhere", "the folder nowhere does not exist"),
        (("datasets", "mine", "source"), "own.py", "the file own.py is no folder, archive or list"),
        (("evaluate", "datasets"), ["mime"], 'Did you mean "mine"? Allowed: mine, toy, gone'),
        (("train",), "mime", 'train: unknown data set "mime". Did you mean "mine"?'),
        (("evaluate", "methods"), ["pngg"], 'unknown method "pngg". Did you mean "png"?'),
        (("evaluate", "methods"), ["none.py"], "the file none.py does not exist"),
        (("evaluate", "methods"), ["own.py", "./own.py"], "have the same key 'own'"),
        (("pictures",), {"dataset": "toy"}, 'unknown measured data set "toy". Allowed: mine'),
        (("pictures",), {"model": "l3c"}, 'pictures.model: unknown measured model "l3c"'),
        (("pictures",), {"images": []}, "pictures.images = []: needs a count or a list of names"),
        (("pictures",), {"images": 99}, "needs a count or a list of names, 1 to 8 of them"),
        (("pictures",), {"images": "a"}, "pictures.images = 'a': needs a count or a list"),
        (("pictures",), {"image": 1}, 'pictures.image: unknown key "image". Did you mean "images"'),
        (("evaluate", "published"), "Open Images v3", "should be a valid dictionary"),
        (("evaluate", "published"), {"mine": "Open Images v4"}, 'Did you mean "Open Images v3"?'),
        (("evaluate", "published"), {"mime": "DIV2K v3"}, 'published: unknown data set "mime"'),
        (("models",), {"a": A | {"published_as": "L3D"}}, 'published method "L3D". Did you mean'),
        (("models",), {"png": {"name": "x", "recipe": "x"}}, "is the key of a classical codec"),
        (("models",), {"A-b": {"name": "x", "recipe": "x"}}, "a name of letters, digits and _"),
        (("train",), "-a", "a name of letters, digits, _ . and -"),
        (("models",), {"a": A, "b": A}, "models.b.name: A is the label of a too"),
        (("models",), {"a": A | {"name": "PNG"}}, "models.a.name: PNG is the label of png too"),
        (
            ("models",),
            {"a": {"name": "A", "same_as": "b"}},
            'a recipe or weights "b"',
        ),
        (("models",), {"a": A, "b": B | {"train": "toy"}}, "only a model with a recipe is trained"),
        (("models",), {"a": A | {"weights": "x.safetensors"}}, "needs either a recipe, or weights"),
        (("evaluate", "as_published"), ["a"], 'evaluate.as_published: unknown model "a"'),
        (("evaluate", "datasets"), ["mine", "mine"], "mine is there more than once"),
        (("evaluate", "methods_on"), {"mine": ["png", "png"]}, "png is there more than once"),
        (("timing",), {"methods": ["png", "png"]}, "timing.methods = "),
        (("timing",), {"batches": BATCHES | {"models": ["a", "a"]}}, "a is there more than once"),
        (("timing",), {"batches": BATCHES | {"sizes": [1, 1]}}, "1 is there more than once"),
        (("timing",), {"batches": BATCHES | {"coded": [3, 3]}}, "3 is there more than once"),
        (("timing",), {"batches": BATCHES | {"single": 32}}, "one image of 32 px is sampled alre"),
        (
            ("exactness",),
            {"dataset": "toy", "model": "l4c"},
            'model with a recipe or weights "l4c"',
        ),
        (("exactness",), {"dataset": "toy", "settings": ["bsae"]}, 'Did you mean "base"?'),
        (("exactness",), {"dataset": "toy", "settings": []}, "should have at least 1 item"),
        (("exactness",), {"dataset": "gone"}, "the folder nowhere does not exist"),
    ],
)
def test_bad_value_is_answered_with_what_is_allowed(config, path, value, said):
    part = config
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert any(said in problem for problem in problems(config))


def test_training_data_is_needed_where_something_is_trained(config, tmp_path):
    del config["train"]
    checked, _ = check_experiment(config, ROOT)
    assert checked.used_datasets() == ["mine"]
    (tmp_path / "r.yaml").write_text("name: r\nmodel: {kind: rgb}\n")
    config["models"] = {"a": A, "b": A | {"name": "B", "train": "toy"}}
    config["evaluate"]["methods"] = ["a", "b"]
    assert problems(config) == ["train: missing, and models.a has none of its own"]


def test_missing_key_and_several_problems_at_once(config):
    del config["run"]
    config["tran"] = "toy"
    assert len(problems(config)) == 2
    assert any(problem.startswith("run: missing") for problem in problems(config))


def test_recipe_problems_name_model_and_file(config, tmp_path):
    (tmp_path / "bad.yaml").write_text("name: r\nmodel: {kind: rbg}\n")
    config["models"] = {
        "a": {"name": "A", "recipe": "bad.yaml"},
        "b": {"name": "B", "recipe": "none.yaml"},
    }
    config["evaluate"]["methods"] = ["a", "b"]
    first, second = problems(config)
    assert first.startswith("models.a.recipe: bad.yaml")
    assert second.startswith("models.b.recipe:")
    assert "none.yaml" in second


def test_method_key_of_a_file_is_its_stem():
    assert method_key("folder/My Codec-2.py") == "my_codec_2"
    assert method_key("jpegxl_e7") == "jpegxl_e7"


def test_paths_are_looked_up_here_first_then_beside_the_workflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve("Snakefile", ROOT) == ROOT / "Snakefile"
    (tmp_path / "Snakefile").touch()
    assert resolve("Snakefile", ROOT) == Path("Snakefile")


def test_the_page_on_the_configuration_is_of_the_code():
    """Written anew by `python -m l3c.workflow.reference`."""
    assert PAGE.read_text(encoding="utf-8") == page()
    for key in ("repeats", "batches", "longer_side", "same_as", "pixel_sha256"):
        assert f"| `{key}` |" in page()


def test_default_configuration_is_usable():
    default = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    checked = experiment.Experiment.model_validate(default)
    assert checked.trained() == ["l3c", "rgb", "rgb_shared", "interlaced"]
    assert checked.train not in checked.evaluate.datasets


def test_notebooks_are_found_and_written_to_files_of_their_own(config, tmp_path):
    config["notebooks"] = ["mine.ipynb", "notebooks/results.ipynb"]
    assert problems(config) == ["notebooks: the file mine.ipynb does not exist"]
    (tmp_path / "mine.ipynb").write_text("")
    checked, _ = check_experiment(config, ROOT)
    assert checked.notebook_files() == {
        "mine": "mine.ipynb",
        "results": "notebooks/results.ipynb",
    }
    (tmp_path / "results.ipynb").write_text("")
    (tmp_path / "my own.ipynb").write_text("")
    config["notebooks"] = ["results.ipynb", "notebooks/results.ipynb", "own.py", "my own.ipynb"]
    assert problems(config) == [
        "notebooks: notebooks/results.ipynb and results.ipynb would be written to one file",
        "notebooks: own.py is no notebook (.ipynb)",
        "notebooks: rename my own.ipynb; letters, digits, _ . and - make a name",
    ]


def test_unknown_keys_are_those_of_the_settings_whatever_a_data_set_is_called(config):
    config["datasets"]["source"] = {"source": "synthetic", "limits": 3}
    (problem,) = problems(config)
    assert problem.startswith('datasets.source.limits: unknown key "limits". Did you mean "limit"?')
