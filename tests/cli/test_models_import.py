"""`l3c models import`: a checkpoint of the release to files that a fresh process decodes."""

import subprocess
import sys

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
    assert (ended.code, ended.content["error"]["type"]) == (4, "CheckpointError")
    assert (files_in(empty), weights.exists()) == (["grey.png"], False)
