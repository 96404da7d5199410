"""`l3c models`, `l3c models import` and `l3c sample`."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import release
from command import files_in
from PIL import Image
from tiny_models import smooth

from l3c.models.authors_checkpoints import read_checkpoint
from l3c.models.zoo import read_model

ARCHIVE = release.FOLDER / "reduced_L3C.tar.gz"


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    Image.fromarray(np.load(release.FOLDER / "reduced_l3c_outputs.npz")["image"]).save(
        folder / "crop.png"
    )
    Image.fromarray(smooth(40, 60)).save(folder / "smooth.png")
    Image.fromarray(smooth(40, 60)[..., 0]).save(folder / "grey.png")
    return folder


def test_imported_files_decode_in_a_fresh_process(run, photographs, tmp_path):
    weights = tmp_path / "l3c-authors.safetensors"
    command = ("models", "import", ARCHIVE, "-o", weights, "--calibrate", photographs)
    ended = run(*command)
    assert (ended.code, ended.err, "0306_0001" in ended.out) == (0, "", True)
    card = read_model(weights).card
    assert (card["licence"], card["steps"]) == ("unstated by the authors", 300)
    assert card["source"]["checkpoint_sha256"] in ended.out
    assert sorted(card["integer"]["calibrated_on"]) == ["crop", "smooth"]
    assert "model.features: 16 instead of 64" in card["deviations"]
    assert card["identity"] == read_checkpoint(ARCHIVE).model.identity().hex()
    photo, coded, back = photographs / "crop.png", tmp_path / "x.l3c", tmp_path / "back.png"
    for words in (["encode", photo, "-o", coded], ["decode", coded, "-o", back]):
        options = ["--model", weights, "--threads", "1", "-q"]
        subprocess.run([sys.executable, "-m", "l3c", *map(str, [*words, *options])], check=True)
    np.testing.assert_array_equal(np.asarray(Image.open(back)), np.asarray(Image.open(photo)))
    assert run("models", weights).code == 0
    assert run(*command).code == 1


def test_nothing_is_imported_without_photographs_or_from_other_files(run, photographs, tmp_path):
    weights, empty = tmp_path / "x.safetensors", tmp_path / "empty"
    empty.mkdir()
    Image.fromarray(smooth(40, 60)[..., 0]).save(empty / "grey.png")
    command = ("models", "import", ARCHIVE, "-o")
    assert run(*command, weights).code == 2
    for folder in (empty, tmp_path / "nowhere", photographs / "crop.png"):
        assert run(*command, weights, "--calibrate", folder).code == 2
    assert run(*command, tmp_path / "x.pt", "--calibrate", photographs).code == 2
    other = ("models", "import", photographs / "crop.png", "-o", weights)
    ended = run(*other, "--calibrate", photographs, "--json")
    assert (ended.code, ended.content["error"]["type"]) == (4, "ModelError")
    assert (files_in(empty), weights.exists()) == (["grey.png"], False)


def cells(line):
    return re.split("  +", line.strip())


def test_models_are_listed_and_checked(run, other_model, tmp_path):
    weights = tmp_path / "trained.safetensors"
    shutil.copy(other_model, weights)
    card = json.loads(other_model.with_suffix(".json").read_text())
    card |= {"images": 6, "data_sha256": "0123456789abcdef" * 4, "validation_bpsp": 4.5}
    weights.with_suffix(".json").write_text(json.dumps(card))
    ended = run("models", weights)
    head, default, ours = map(cells, ended.out.splitlines())
    assert (ended.code, default[0], ours[0]) == (0, "causal-middle", "trained")
    row = dict(zip(head, ours, strict=True))
    assert row["identity"] == card["integer_identity"]
    assert (row["validation bpsp"], row["trained on"]) == ("4.500", "6 images (0123456789ab)")
    assert run("models", "causal-middle").out == run("models").out
    default, other = run("models", other_model.parent, "--json").content["files"]
    assert (default["name"], default["default"]) == ("causal-middle", True)
    assert (other["family"], other["check"], other["parameters"] > 1000) == ("l3c", "good", True)
    assert (other["steps"], other["validation_bpsp"]) == (None, None)


def test_models_that_cannot_be_used_are_named(run, other_model, model, tmp_path):
    mixed_up, nowhere = tmp_path / "x.safetensors", tmp_path / "nowhere.safetensors"
    shutil.copy(other_model, mixed_up)
    shutil.copy(model.with_suffix(".json"), mixed_up.with_suffix(".json"))  # the card of another
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
