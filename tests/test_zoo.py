"""Models as files: found by name, path and identity, refused with the reason."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import tiny, write_model

from coder.errors import ModelMismatchError
from l3c import zoo
from l3c.model.identity import model_identity
from l3c.training.files import write_weights
from l3c.training.release import release


def test_opens_weights_beside_their_card(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    codec = zoo.open_codec(weights, "cpu")
    assert codec.identity == model_identity(tiny()) == zoo.read_model(weights).identity
    assert zoo.open_codec(str(weights), "cpu") is codec


def test_a_changed_file_is_loaded_anew(tmp_path: Path) -> None:
    first = zoo.open_codec(write_model(tmp_path), "cpu")
    weights = write_model(tmp_path, tiny(seed=1))
    assert zoo.open_codec(weights, "cpu").identity != first.identity


def test_unusable_models_are_named(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    with pytest.raises(zoo.ModelError, match=r"nowhere\.json: the model's card cannot be read"):
        zoo.open_codec(tmp_path / "nowhere.safetensors")
    write_weights(weights, tiny("rgb").state_dict())
    with pytest.raises(zoo.ModelError, match=r"model\.safetensors: weights do not fit their card"):
        zoo.open_codec(weights)
    weights.write_bytes(b"\0" * 40)
    with pytest.raises(zoo.ModelError, match=r"model\.safetensors: weights do not fit their card"):
        zoo.open_codec(weights)
    write_weights(weights, tiny(seed=1).state_dict())
    with pytest.raises(zoo.ModelError, match="one of the two was changed"):
        zoo.open_codec(weights)
    weights.with_suffix(".json").write_text("{}")
    with pytest.raises(zoo.ModelError, match=r"model\.json: not a model card"):
        zoo.open_codec(weights)
    weights.with_suffix(".json").write_text("[1")
    with pytest.raises(zoo.ModelError, match=r"model\.json: not a model card"):
        zoo.open_codec(weights)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    torch.save(tiny().state_dict(), tmp_path / "model.pt")
    with pytest.raises(zoo.ModelError, match=r"must be a \.safetensors file"):
        zoo.open_codec(tmp_path / "model.pt")
    (tmp_path / "model.pt").replace(weights)
    with pytest.raises(zoo.ModelError, match=r"model\.safetensors: weights do not fit their card"):
        zoo.open_codec(weights)


def test_unknown_names_and_devices(tmp_path: Path) -> None:
    with pytest.raises(zoo.ModelError, match=r"called nothing; there are: .*l3c-small"):
        zoo.open_codec("nothing")
    with pytest.raises(ValueError, match="device must be one of auto, cpu, cuda, got 'tpu'"):
        zoo.open_codec(write_model(tmp_path), "tpu")


def test_found_by_the_identity_in_a_file(tmp_path: Path) -> None:
    weights, other = write_model(tmp_path), tiny("rgb", seed=7)
    identity = model_identity(tiny())
    assert zoo.find_codec(identity, "cpu", more=(weights,)).identity == identity
    with pytest.raises(ModelMismatchError, match=r"which is not here; there are: model \(.*l3c-s"):
        zoo.find_codec(model_identity(other), "cpu", more=(weights,))


def test_the_package_comes_with_a_model_that_fits_its_card() -> None:
    names = [model.name for model in zoo.released()]
    assert zoo.DEFAULT in names
    for model in zoo.released():
        assert zoo.open_codec(model, "cpu").identity == model.identity
        assert model.card["precision"] == "float16"


def test_release_halves_the_weights(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    released = release(weights, "half", tmp_path / "models")
    card = json.loads(released.with_suffix(".json").read_text())
    codec = zoo.open_codec(released, "cpu")
    assert card["identity"] == codec.identity.hex() != model_identity(tiny()).hex()
    assert released.stat().st_size < 0.6 * weights.stat().st_size
    whole = dict(tiny().named_parameters())
    for name, value in codec.network.named_parameters():
        assert np.allclose(value.detach(), whole[name].detach(), rtol=1e-3, atol=1e-4)
