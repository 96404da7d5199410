"""Models as files: found by name, path and identity, refused with the reason."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import integer_network, integers, tiny, write_model

from l3c.arithmetic import KINDS, Arithmetic
from l3c.fileformat.errors import ModelMismatchError
from l3c.models import zoo
from l3c.training.release import release


def save(weights: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file({name: value.contiguous() for name, value in tensors.items()}, weights)


def test_opens_weights_beside_their_card(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    file, codec = zoo.read_model(weights), zoo.open_codec(weights, "cpu")
    assert codec.arithmetic == Arithmetic.INTEGER
    assert codec.identity == integer_network().identity() == file.identity("integer")
    assert zoo.open_codec(str(weights), "cpu") is codec
    other = zoo.open_codec(weights, "cpu", "float")
    assert other.arithmetic == Arithmetic.FLOAT_CPU
    assert other.identity == tiny().identity() == file.identity("float")


def test_a_model_without_integers_codes_in_floating_point_only(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    save(weights, tiny().state_dict())
    codec = zoo.open_codec(weights, "cpu")
    assert (codec.arithmetic, codec.identity) == (Arithmetic.FLOAT_CPU, tiny().identity())
    assert zoo.open_codec(weights, "cpu", "float") is codec
    with pytest.raises(zoo.NoIntegersError, match=r"model\.safetensors"):
        zoo.open_codec(weights, "cpu", "integer")


def test_a_model_that_could_round_is_refused(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    tensors = load_file(weights)
    name = f"{zoo.INTEGER_PREFIX}classifiers.0.out.weight"
    tensors[name] = tensors[name].int()
    tensors[name][3] = 1 << 20
    save(weights, tensors)
    with pytest.raises(zoo.ModelError, match="scale 1, classifier, out: a partial sum"):
        zoo.open_codec(weights, "cpu")


def test_a_changed_file_is_loaded_anew(tmp_path: Path) -> None:
    first = zoo.open_codec(write_model(tmp_path), "cpu")
    weights = write_model(tmp_path, seed=1)
    assert zoo.open_codec(weights, "cpu").identity != first.identity


def test_unusable_models_are_named(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    with pytest.raises(zoo.ModelError, match=r"nowhere\.json: the model's card cannot be read"):
        zoo.open_codec(tmp_path / "nowhere.safetensors")
    save(weights, tiny("rgb").state_dict())
    with pytest.raises(zoo.ModelError, match=r"model\.safetensors: weights do not fit their card"):
        zoo.open_codec(weights)
    weights.write_bytes(b"\0" * 40)
    with pytest.raises(zoo.ModelError, match=r"model\.safetensors: weights do not fit their card"):
        zoo.open_codec(weights)
    exact = {zoo.INTEGER_PREFIX + name: value for name, value in integers(seed=1).items()}
    save(weights, tiny(seed=1).state_dict() | exact)
    for arithmetic in KINDS:
        with pytest.raises(zoo.ModelError, match="one of them was changed"):
            zoo.open_codec(weights, "cpu", arithmetic)
    weights.with_suffix(".json").write_text("{}")
    with pytest.raises(zoo.ModelError, match=r"model\.json: not a model card"):
        zoo.open_codec(weights)
    weights.with_suffix(".json").write_text("[1")
    with pytest.raises(zoo.ModelError, match=r"model\.json: not a model card"):
        zoo.open_codec(weights)


def test_a_card_need_not_say_its_identity(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    card = json.loads(weights.with_suffix(".json").read_text())
    del card["integer_identity"]
    weights.with_suffix(".json").write_text(json.dumps(card))
    identity = integer_network().identity()
    assert zoo.find_codec(identity, Arithmetic.INTEGER, "cpu", (weights,)).identity == identity
    save(weights, tiny().state_dict())
    with pytest.raises(ModelMismatchError, match=r"model \(without integers\)"):
        zoo.find_codec(identity, Arithmetic.INTEGER, "cpu", (weights,))


def test_integers_of_another_type_are_refused(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    tensors = load_file(weights)
    name = next(name for name in tensors if name.startswith(zoo.INTEGER_PREFIX))
    save(weights, tensors | {name: tensors[name].float()})
    with pytest.raises(zoo.ModelError, match=r"is torch\.float32, not an integer of up to 32 bits"):
        zoo.open_codec(weights, "cpu")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    torch.save(tiny().state_dict(), tmp_path / "model.pt")
    with pytest.raises(zoo.ModelError, match=r"must be a \.safetensors file"):
        zoo.open_codec(tmp_path / "model.pt")
    (tmp_path / "model.pt").replace(weights)
    with pytest.raises(zoo.ModelError, match=r"model\.safetensors: weights do not fit their card"):
        zoo.open_codec(weights)


def test_unknown_names_and_devices(tmp_path: Path) -> None:
    with pytest.raises(zoo.ModelError, match=r"called nothing; there are: "):
        zoo.open_codec("nothing")
    with pytest.raises(ValueError, match="device must be one of auto, cpu, cuda, got 'tpu'"):
        zoo.open_codec(write_model(tmp_path), "tpu")


def test_found_by_the_identity_in_a_file(tmp_path: Path) -> None:
    weights, other = write_model(tmp_path), tiny("rgb", seed=7)
    identity = tiny().identity()
    on_cpu = Arithmetic.FLOAT_CPU
    assert zoo.find_codec(identity, on_cpu, more=(weights,)).identity == identity
    exact = zoo.find_codec(integer_network().identity(), Arithmetic.INTEGER, "cpu", (weights,))
    assert exact.arithmetic == Arithmetic.INTEGER
    for arithmetic in (on_cpu, Arithmetic.INTEGER):
        with pytest.raises(ModelMismatchError, match=r"is not here; there are: model \("):
            zoo.find_codec(other.identity(), arithmetic, more=(weights,))


def test_the_package_comes_with_a_model_that_fits_its_card() -> None:
    names = [model.name for model in zoo.released()]
    assert zoo.DEFAULT in names
    for model in zoo.released():
        for arithmetic in KINDS:
            opened = zoo.open_codec(model, "cpu", arithmetic)
            assert opened.identity == model.identity(arithmetic)
        assert model.card["precision"] == "float16"


def test_release_halves_the_weights(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
    released = release(weights, "half", tmp_path / "models").weights
    card = json.loads(released.with_suffix(".json").read_text())
    codec = zoo.open_codec(released, "cpu", "float")
    assert zoo.open_codec(released, "cpu").identity == integer_network().identity()
    assert card["identity"] == codec.identity.hex() != tiny().identity().hex()
    assert released.stat().st_size < 0.75 * weights.stat().st_size
    whole = dict(tiny().named_parameters())
    for name, value in codec.network.named_parameters():
        assert np.allclose(value.detach(), whole[name].detach(), rtol=1e-3, atol=1e-4)
