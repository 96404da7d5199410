"""Models as files: found by name, path and identity, refused with the reason.

Families: loaded by name and by path, refused with the reason; what a model's identity is.
"""

from __future__ import annotations

import json
from pathlib import Path

import autoregressive
import numpy as np
import pytest
import torch
from autoregressive import Autoregressive, AutoregressiveSettings
from safetensors.torch import load_file, save_file
from tiny_models import integer_network, integers, tiny, write_model

from l3c.fileformat.errors import ModelMismatchError
from l3c.models import zoo
from l3c.models.tile_codec import KINDS, Arithmetic
from l3c.models.zoo import ModelError, load_family
from tools.release import DATA_LICENCES, release


def save(weights, tensors):
    save_file({name: value.contiguous() for name, value in tensors.items()}, weights)


def test_opened_beside_their_card_and_found_by_the_identity_in_a_file(tmp_path):
    weights, other = write_model(tmp_path), tiny("rgb", seed=7).identity()
    file, codec = zoo.read_model(weights), zoo.open_codec(weights, "cpu")
    assert zoo.open_codec(str(weights), "cpu") is codec
    for kind, arithmetic, identity in (
        ("integer", Arithmetic.INTEGER, integer_network().identity()),
        ("float", Arithmetic.FLOAT_CPU, tiny().identity()),
    ):
        opened = zoo.open_codec(weights, "cpu", kind)
        assert opened is zoo.find_codec(identity, arithmetic, "cpu", (weights,))
        assert (opened.arithmetic, opened.identity) == (arithmetic, identity)
        assert file.identity(kind) == identity
        with pytest.raises(ModelMismatchError):
            zoo.find_codec(other, arithmetic, more=(weights,))
    assert codec.arithmetic == Arithmetic.INTEGER
    write_model(tmp_path, seed=1)
    assert zoo.open_codec(weights, "cpu").identity != codec.identity  # a changed file


def of_another_type(tensors):
    name = next(name for name in tensors if name.startswith(zoo.INTEGER_PREFIX))
    return tensors | {name: tensors[name].float()}


def that_could_round(tensors):
    name = f"{zoo.INTEGER_PREFIX}classifiers.0.out.weight"
    tensors[name] = tensors[name].int()
    tensors[name][3] = 1 << 20
    return tensors


def of_another_seed(tensors):
    exact = {zoo.INTEGER_PREFIX + name: value for name, value in integers(seed=1).items()}
    return tiny(seed=1).state_dict() | exact


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (of_another_type, "float32, not an integer"),
        (that_could_round, "a partial sum"),
        (of_another_seed, "was changed"),
        (lambda tensors: tiny("rgb").state_dict(), "do not fit"),
    ],
)
def test_weights_that_are_not_the_card_s_are_refused(change, reason, tmp_path):
    weights = write_model(tmp_path)
    save(weights, change(load_file(weights)))
    with pytest.raises(zoo.ModelError) as error:
        zoo.open_codec(weights, "cpu")
    assert str(weights) in str(error.value)
    assert reason in str(error.value)


CARDS = ["{}", "[1", "[1]", '{"recipe": {"family": "l3c", "odd": 1}}']


@pytest.mark.parametrize("card", [*CARDS, '{"recipe": {"family": "mine.py"}}'])
def test_a_card_without_a_recipe_or_with_a_family_beside_it_is_refused(card, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("raise SystemExit('was run')")
    weights = write_model(tmp_path)
    weights.with_suffix(".json").write_text(card)
    with pytest.raises(zoo.ModelError, match=r"model\.json"):
        zoo.open_codec(weights, "cpu")


def test_files_that_are_no_models_are_refused(tmp_path):
    weights = write_model(tmp_path)
    torch.save(tiny().state_dict(), tmp_path / "model.pt")
    for path in (tmp_path / "nowhere.safetensors", tmp_path / "model.pt", "nothing"):
        with pytest.raises(zoo.ModelError):
            zoo.open_codec(path, "cpu")
    for content in ((tmp_path / "model.pt").read_bytes(), b"\0" * 40):  # pickles are never loaded
        weights.write_bytes(content)
        with pytest.raises(zoo.ModelError, match=r"model\.safetensors"):
            zoo.open_codec(weights, "cpu")
    for device, arithmetic in (("tpu", None), ("cpu", "fixed")):
        with pytest.raises(ValueError):
            zoo.open_codec(weights, device, arithmetic)


def test_the_package_comes_with_models_that_fit_their_cards():
    assert zoo.DEFAULT in [model.name for model in zoo.released()]
    for model in zoo.released():
        for arithmetic in KINDS:
            if known := model.identity(arithmetic):
                assert zoo.open_codec(model, "cpu", arithmetic).identity == known
        assert model.card["precision"] in ("float16", "integers")


def test_the_photographs_of_released_models_are_credited():
    folder = Path(zoo.__file__).parents[2] / "models"
    lines = (folder / "training_photographs.tsv").read_text().splitlines()
    credited = {Path(name).stem: licence for name, *_, licence in (x.split("\t") for x in lines)}
    for model in zoo.released():
        assert model.card["data_licences"] == [DATA_LICENCES]
        for name in model.card["integer"].get("calibrated_on", ()):
            assert credited[name.partition("__")[0]]


def test_release_halves_the_weights(tmp_path):
    weights = write_model(tmp_path)
    released = release(weights, "half", tmp_path / "models").weights
    card = json.loads(released.with_suffix(".json").read_text())
    codec = zoo.open_codec(released, "cpu", "float")
    assert zoo.open_codec(released, "cpu").identity == integer_network().identity()
    assert card["identity"] == codec.identity.hex() != tiny().identity().hex()
    assert released.stat().st_size < 0.75 * weights.stat().st_size
    whole = dict(tiny().named_parameters())
    for name, value in codec.model.named_parameters():
        assert np.allclose(value.detach(), whole[name].detach(), rtol=1e-3, atol=1e-4)


def test_a_file_is_one_class_until_it_changes(tmp_path):
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
def test_a_file_without_a_family_is_refused(text, reason, tmp_path):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelError) as error:
        load_family(str(path))
    assert str(path) in str(error.value)
    assert reason in str(error.value)


@pytest.mark.parametrize("name", ["l3d", "zoo", "base"])
def test_an_unknown_name_is_answered_by_those_there_are(name):
    with pytest.raises(ModelError) as error:
        load_family(name)
    names = str(error.value).partition("there are: ")[2].partition(";")[0]
    assert {"causal", "interlaced", "l3c"} <= {*names.split(", ")}


def test_a_new_setting_with_a_default_keeps_identities():
    class Settings(AutoregressiveSettings):
        new: int = 3

    def model(settings):
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
