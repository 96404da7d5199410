"""`l3c train`: the workflow's training on a user's folder."""

import json
from pathlib import Path

import pytest
from command import files_in
from PIL import Image
from tiny_models import smooth
from train_toy import kill_at

import l3c
from l3c.training import loop

TOY = Path(__file__).parents[2] / "config" / "recipes" / "toy-l3c.yaml"


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(2):
        Image.fromarray(smooth(60 + i, 50)).save(folder / f"{i}.png")
    return folder


def test_a_trained_model_can_be_used(run, photos, tmp_path):
    weights, other = tmp_path / "mine.safetensors", tmp_path / "other"
    train = ["train", photos, "-o", weights, "--recipe", TOY, "--min-side", 32]
    other.mkdir()
    Image.fromarray(smooth(80, 70)).save(other / "x.png")
    options = ["--set", "train.steps=3", "--validation", other, "--licence", "CC0-1.0"]
    ended = run(*train, *options)
    assert (ended.code, ended.out.startswith(f"{weights}: ")) == (0, True)
    assert "2 images, 3 steps" in ended.out
    assert {"mine.csv", "mine.json", "mine.safetensors"} <= set(files_in(tmp_path))
    assert not (tmp_path / "mine.checkpoint").exists()
    card = json.loads((tmp_path / "mine.json").read_text())
    assert 0 < card["validation_bpsp"] < 16
    assert (card["licence"], card["data_licences"]) == ("CC0-1.0", ["not stated"])
    assert card["data_deviations"] == ["prepare.min_side: 32 instead of 512"]
    image = smooth(20, 20)
    assert (l3c.decode(l3c.encode(image, weights), model=weights) == image).all()
    ended = run(*train)
    assert (ended.code, ended.err.startswith(f"l3c: {weights}: ")) == (1, True)
    content = run(*train, "--force", "--as-is", "--steps", 1, "--json", "--quiet").content
    assert (content["card"]["images"], content["card"]["steps"]) == (2, 1)


def test_a_family_that_codes_in_integers_only_is_trained(run, photos, tmp_path):
    weights, recipe = tmp_path / "fast.safetensors", TOY.with_name("causal-fast.yaml")
    small = ["--set", "model.width=16", "--set", "train.average=null", "--steps", 2]
    ended = run("train", photos, "-o", weights, "--recipe", recipe, "--as-is", *small)
    card = json.loads(weights.with_suffix(".json").read_text())
    assert (ended.code, "identity" in card) == (0, False)
    assert card["integer_identity"] in ended.out


def test_an_interrupted_training_goes_on(run, photos, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0)
    monkeypatch.setattr(loop, "METRICS_EVERY", 2)
    steps = kill_at(monkeypatch, 4)
    weights = tmp_path / "mine.safetensors"
    train = ["train", photos, "-o", weights, "--recipe", TOY, "--as-is", "--steps", 6, "--quiet"]
    with monkeypatch.context() as at_the_end:
        at_the_end.setattr(loop, "convert_and_write", interrupt)
        for _ in range(2):
            ended = run(*train)
            message = f"l3c: {weights}: interrupted; "
            assert (ended.code, ended.err.startswith(message)) == (130, True)
    assert (steps, weights.exists()) == ([0, 1, 2, 3, 2, 3, 4, 5], False)
    metrics = weights.with_suffix(".csv").read_text()
    assert run(*train) == (0, "", "")
    assert set(steps[8:]) <= {6}  # read ahead, not trained
    assert weights.with_suffix(".csv").read_text() == metrics
    assert "integer_identity" in json.loads(weights.with_suffix(".json").read_text())
    assert not weights.with_suffix(".checkpoint").exists()


def test_training_names_what_it_lacks(run, photos, tmp_path, monkeypatch):
    train = ["train", photos, "-o", tmp_path / "mine.safetensors"]
    Image.fromarray(smooth(10, 10)).save(photos / "small.png")
    # The default recipe is that of the released model: it looks at the images.
    for options, reason in (
        (["--recipe", TOY], "0.png"),
        (["--recipe", tmp_path / "no.yaml", "--as-is"], "no.yaml: cannot be read"),
        (["--recipe", TOY, "--as-is"], "smaller than the crop"),
        (["--steps", 2], "too small"),
    ):
        ended = run(*train, *options)
        assert (ended.code, reason in ended.err) == (1, True)
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    ended = run(*train)
    assert (ended.code, "--recipe" in ended.err) == (1, True)
