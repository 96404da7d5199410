"""`l3c models` and `l3c sample`."""

import json
import shutil
from pathlib import Path

import numpy as np
from command import Run, files_in
from PIL import Image

from l3c.zoo import read_model


def test_models_are_listed_and_checked(run: Run, other_model: Path) -> None:
    ended = run("models", other_model)
    assert ended.code == 0
    head, first, second = ended.out.splitlines()
    assert head.split()[:3] == ["name", "kind", "parameters"]
    assert first.startswith("l3c-small")
    assert second.startswith("other")
    assert read_model(other_model).card["integer_identity"] in second


def test_models_for_scripts(run: Run, other_model: Path) -> None:
    content = json.loads(run("models", other_model.parent, "--json").out)
    default, other = content["files"]
    assert (default["name"], default["default"]) == ("l3c-small", True)
    assert (other["kind"], other["check"]) == ("l3c", "good")
    assert other["parameters"] > 1000


def test_a_card_of_other_weights_is_found_out(
    run: Run, other_model: Path, model: Path, tmp_path: Path
) -> None:
    shutil.copy(other_model, tmp_path / "x.safetensors")
    shutil.copy(model.with_suffix(".json"), tmp_path / "x.json")
    ended = run("models", tmp_path / "x.safetensors", tmp_path / "nowhere.safetensors")
    assert ended.code == 4
    assert "x.safetensors: weights and recipe make model" in ended.err
    assert "nowhere.json: the model's card cannot be read" in ended.err


def test_samples_are_written_with_what_they_take(run: Run, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "samples"
    ended = run("sample", photo, "-o", out)
    assert ended.code == 0
    names = [f"photo-{name}.png" for name in ("truth", "x", "x-z1", "x-z1-z2")]
    assert files_in(out) == sorted(names)
    assert (np.array(Image.open(out / names[0])) == np.array(Image.open(photo))).all()
    lines = ended.out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [str(out / name) for name in names]
    rates = [float(line.split(": ")[1].split()[0]) for line in lines]
    assert rates == sorted(rates, reverse=True)


def test_samples_follow_the_seed(run: Run, photo: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("sample", photo, "-o", tmp_path / name, "--seed", seed, "--quiet").code == 0
    a, b, c = ((tmp_path / name / "photo-x.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_samples_replace_nothing_and_are_of_rgb(run: Run, photo: Path, album: Path) -> None:
    assert run("sample", photo, "-o", album).code == 0
    ended = run("sample", photo, "-o", album)
    assert (ended.code, "exists; use --force" in ended.err) == (1, True)
    ended = run("sample", album / "grey.tif", "-o", album)
    assert (ended.code, "only 8-bit RGB can be sampled" in ended.err) == (1, True)
