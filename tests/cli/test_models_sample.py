"""`l3c models` and `l3c sample`."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import files_in
from PIL import Image

from l3c.models.zoo import read_model


@pytest.fixture
def trained(other_model, tmp_path):
    """The other model with all that a card can hold, trained for 20 steps at another rate."""
    weights = tmp_path / "trained.safetensors"
    shutil.copy(other_model, weights)
    card = json.loads(other_model.with_suffix(".json").read_text())
    card["recipe"]["train"] |= {"steps": 20, "learning_rate": 0.003}
    card |= {"steps": 20, "train_s": 4.5, "processes": 1, "threads": 2, "device": "cpu"}
    card |= {"images": 6, "data_sha256": "0123456789abcdef" * 4, "licence": "CC0-1.0"}
    card |= {"final_train_bpsp": 4.25, "validation_bpsp": 4.5, "released": "2026-11-22"}
    card |= {"versions": {"torch": "2.13.0", "python": "3.11.7"}}
    weights.with_suffix(".json").write_text(json.dumps(card))
    return weights


@pytest.fixture
def mixed_up(other_model, model, tmp_path):
    """Weights with the card of others."""
    shutil.copy(other_model, tmp_path / "x.safetensors")
    shutil.copy(model.with_suffix(".json"), tmp_path / "x.json")
    return tmp_path / "x.safetensors"


def cells(line):
    return re.split("  +", line.strip())


def test_models_are_listed_and_checked(run, trained, other_model):
    ended = run("models", trained)
    head, default, ours = map(cells, ended.out.splitlines())
    assert (ended.code, default[0], ours[0]) == (0, "causal-middle", "trained")
    row = dict(zip(head, ours, strict=True))
    assert row["identity"] == read_model(trained).card["integer_identity"]
    assert (row["validation bpsp"], row["trained on"]) == ("4.500", "6 images (0123456789ab)")
    assert run("models", "causal-middle").out == run("models").out
    default, other = run("models", other_model.parent, "--json").content["files"]
    assert (default["name"], default["default"]) == ("causal-middle", True)
    assert (other["family"], other["check"], other["parameters"] > 1000) == ("l3c", "good", True)
    assert (other["steps"], other["validation_bpsp"]) == (None, None)


def test_models_that_cannot_be_used_are_named(run, other_model, mixed_up):
    nowhere = mixed_up.with_name("nowhere.safetensors")
    ended = run("models", mixed_up, nowhere)
    assert (ended.code, ended.err.count("\n")) == (4, 2)
    assert all(f"l3c: {path}: " in ended.err for path in (mixed_up, nowhere))


def test_samples_are_named_as_the_original_names_them(run, photo, tmp_path):
    out = tmp_path / "samples"
    ended = run("sample", photo, "-o", out)
    lines = [line.split(": ") for line in ended.out.splitlines()]
    names = [Path(path).name for path, _ in lines]
    rates = [float(text.split()[0]) for _, text in lines]
    assert (ended.code, files_in(out), rates) == (0, sorted(names), sorted(rates, reverse=True))
    assert names == [
        f"0_photo_{rates[0]:.3f}_gt.png",
        f"0_photo_rgb_{rates[1]:.3f}.png",
        f"0_photo_rgb+bn0_{rates[2]:.3f}.png",
        f"0_photo_rgb+bn0+bn1_{rates[3]:.3f}.png",
    ]
    assert (np.array(Image.open(out / names[0])) == np.array(Image.open(photo))).all()
    drawn = [(out / names[1]).read_bytes()]
    for seed in (0, 1):
        assert run("sample", photo, "-o", out, "--seed", seed, "--force", "-q") == (0, "", "")
        drawn.append((out / names[1]).read_bytes())
    assert (drawn[0] == drawn[1], drawn[0] == drawn[2]) == (True, False)


def test_samples_blame_what_is_wrong_and_replace_nothing(run, photo, album, tmp_path):
    for seed in ("-1", "x", str(2**63)):
        assert run("sample", photo, "-o", tmp_path / "out", "--seed", seed).code == 2
    assert run("sample", photo, "-o", photo).code == 2
    ended = run("sample", photo, "-o", photo / "below", "--json")
    error = ended.content["files"][0]["error"]
    assert (ended.code, error["type"]) == (1, "OutputError")
    assert Path(error["output"]).parent == photo / "below"
    assert ended.err.startswith(f"l3c: {error['output']}: ")
    assert run("sample", photo, "-o", album).code == run("encode", photo).code == 0
    for image, kind in (
        (photo, "OutputError"),
        (album / "grey.tif", "InputError"),
        (tmp_path / "photo.l3c", "InputError"),
    ):
        ended = run("sample", image, "-o", album, "--json")
        assert (ended.code, ended.content["files"][0]["error"]["type"]) == (1, kind)
