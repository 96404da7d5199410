"""Families: loaded by name and by path, refused with the reason; what a model's identity is."""

from __future__ import annotations

import json
from pathlib import Path

import autoregressive
import pytest
import torch
from autoregressive import Autoregressive, AutoregressiveSettings

from l3c.models import zoo
from l3c.models.base import write_model
from l3c.models.zoo import FamilyError, load_family
from l3c.recipe import Recipe


def test_a_file_is_one_class_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(Path(autoregressive.__file__).read_text())
    first = load_family(str(path))
    assert load_family(str(path)) is first
    path.write_text(path.read_text() + "\n# changed\n")
    assert load_family(str(path)) is not first


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "FAMILY"),
        ("FAMILY = int", "FAMILY"),
        ("import nowhere_to_be_found", "nowhere_to_be_found"),
        ("1 +", "SyntaxError"),
        (None, "cannot be read"),
    ],
)
def test_a_file_without_a_family_is_refused(text: str | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FamilyError) as error:
        load_family(str(path))
    assert str(path) in str(error.value)
    assert reason in str(error.value)


@pytest.mark.parametrize("name", ["l3d", "zoo", "base"])
def test_an_unknown_name_is_answered_by_those_there_are(name: str) -> None:
    with pytest.raises(FamilyError) as error:
        load_family(name)
    names = str(error.value).partition("there are: ")[2].partition(";")[0]
    assert {"causal", "interlaced", "l3c"} <= {*names.split(", ")}


def test_a_new_setting_with_a_default_keeps_identities() -> None:
    class Settings(AutoregressiveSettings):
        new: int = 3

    def model(settings: AutoregressiveSettings) -> Autoregressive:
        made = Autoregressive(settings)
        made.initialize(0)
        return made

    known = model(AutoregressiveSettings()).identity()
    assert model(Settings()).identity() == model(AutoregressiveSettings(hidden=24)).identity()
    assert known == model(Settings()).identity() != model(Settings(new=4)).identity()
    changed = model(AutoregressiveSettings())
    with torch.no_grad():
        changed.out.bias[0] += 1
    assert changed.identity() != known


def test_a_card_that_names_a_file_beside_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit('was run')")
    recipe = Recipe(name="mine", family=autoregressive.__file__)
    content = {"name": "mine", "recipe": recipe.model_dump(mode="json")}
    weights = tmp_path / "mine.safetensors"
    card = write_model(weights, recipe.make_model(), None, content).card
    card["recipe"]["family"] = "mine.py"
    weights.with_suffix(".json").write_text(json.dumps(card))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(zoo.ModelError) as error:
        zoo.open_codec(weights, "cpu")
    assert "absolute" in str(error.value)
