"""Recipes: inherited, overridden, and what is said of one that cannot be used."""

import shutil
from pathlib import Path

import autoregressive
import pytest
import yaml

from l3c.recipe import RecipeError, load_recipe


@pytest.fixture
def write(tmp_path):
    """Writes a recipe by the name of its file."""

    def write(file, **content):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content))
        return path

    return write


def test_bases_chain_and_overrides_come_last(write):
    write("shared/first.yaml", name="first", model={"scales": 1, "features": 20}, train={"crop": 8})
    write("second.yaml", base="shared/first.yaml", model={"features": 30}, train={"steps": 5})
    third = write("third.yaml", base="second", name="third", model={"dilations": [1]})
    recipe = load_recipe(third, ["train.steps=7", "model.dilations=[1, 2]"])
    assert recipe.name == "third"
    assert recipe.model == {"scales": 1, "features": 30, "dilations": [1, 2]}
    assert (recipe.train.steps, recipe.train.crop) == (7, 8)
    assert load_recipe(third).train.steps == 5


def test_paths_are_relative_to_the_recipe_that_has_them(write, tmp_path, monkeypatch):
    shutil.copy(autoregressive.__file__, tmp_path / "mine.py")
    write("a/base.yaml", name="mine", family="../mine.py", init_from="start.safetensors")
    inherits = write("mine.yaml", base="a/base.yaml")
    monkeypatch.chdir("/")
    recipe = load_recipe(inherits)
    assert Path(recipe.family).resolve() == tmp_path / "mine.py"
    assert Path(recipe.init_from or "") == tmp_path / "a" / "start.safetensors"
    assert recipe.make_model().family == "autoregressive"
    assert recipe.settings()["family"].startswith("mine.py ")
    assert not any(str(tmp_path) in line for line in recipe.deviations() if "family" in line)
    monkeypatch.chdir(tmp_path)
    assert load_recipe(inherits, ["family=mine.py"]).family == str(tmp_path / "mine.py")
    assert load_recipe(inherits, ["init_from=small-l3c"]).init_from == "small-l3c"


RECIPES = Path(__file__).parents[1] / "config" / "recipes"


@pytest.mark.parametrize("name", ["low", "med", "hi"])
def test_a_family_is_compared_with_its_own_paper(name):
    assert load_recipe(RECIPES / f"paper-cpm-{name}.yaml").deviations() == []
    small = load_recipe(RECIPES / f"small-cpm-{name}.yaml").deviations()
    assert {"model.groups: 2 instead of 5", "train.crop: 128 instead of 160"} <= {*small}
    assert not [line for line in small if "family" in line or "target" in line]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"trian": {}}, ["unknown key", "trian", "family"]),
        ({"train": {"step": 1}}, ["train: unknown key", "steps", "crop"]),
        ({"train": {"steps": 0}}, ["train.steps = 0", "greater than or equal to 1"]),
        ({"train": {"optimizer": "sgd"}}, ["train.optimizer", "'adam'", "'muon'"]),
        ({"base": "nowhere"}, ["base", "nowhere.yaml", "cannot be read"]),
        ({"base": "mine"}, ["base mine inherits from it"]),
        ({"family": "l3d"}, ["l3d", "interlaced", "l3c"]),
        ({"family": "nowhere.py"}, ["nowhere.py", "cannot be read"]),
        ({"family": "interlaced", "model": {"kind": "rgb"}}, ["model: unknown key", "scales"]),
        ({"model": {"features": 3}}, ["model.features = 3", "12"]),
    ],
)
def test_errors_name_file_key_and_what_is_allowed(write, content, words):
    path = write("mine.yaml", **({"name": "mine"} | content))
    with pytest.raises(RecipeError) as error:
        load_recipe(path).model_settings(str(path))
    assert [word for word in [str(path), *words] if word not in str(error.value)] == []


@pytest.mark.parametrize("override", ["train.steps", "=3", "train.steps=[1", "train.stepz=3"])
def test_an_override_is_a_known_key_and_a_value(write, override):
    with pytest.raises(RecipeError):
        load_recipe(write("mine.yaml", name="mine"), [override])
