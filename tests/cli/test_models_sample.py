"""`l3c models` and `l3c sample`."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import Run, files_in
from PIL import Image

from l3c.models.zoo import read_model


def test_models_are_listed_and_checked(run: Run, other_model: Path) -> None:
    ended = run("models", other_model)
    assert ended.code == 0
    head, first, second = ended.out.splitlines()
    assert head.split()[:3] == ["name", "family", "parameters"]
    assert first.startswith("causal-middle")
    assert second.startswith("other")
    assert read_model(other_model).card["integer_identity"] in second


def test_a_released_name_is_in_the_list_already(run: Run) -> None:
    ended = run("models", "causal-middle")
    assert ended.code == 0
    assert ended.out == run("models").out


def test_models_for_scripts(run: Run, other_model: Path) -> None:
    content = json.loads(run("models", other_model.parent, "--json").out)
    default, other = content["files"]
    assert (default["name"], default["default"]) == ("causal-middle", True)
    assert (other["family"], other["check"]) == ("l3c", "good")
    assert other["parameters"] > 1000
    assert (other["steps"], other["validation_bpsp"]) == (None, None)


@pytest.fixture
def trained(other_model: Path, tmp_path: Path) -> Path:
    """The other model with all that a card can say, trained for 20 steps at another rate."""
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


def test_the_list_shows_validation(run: Run, trained: Path) -> None:
    head, first, second = run("models", trained).out.splitlines()
    start = head.index("validation bpsp")
    shown = [line[start : start + len("validation bpsp")].strip() for line in (first, second)]
    assert shown == ["-", "4.500"]
    assert "6 images (0123456789ab)" in second


def test_models_are_compared(run: Run, trained: Path) -> None:
    ended = run("models", "--compare", "causal-middle", trained)
    assert (ended.code, ended.err) == (0, "")
    head, *lines = ended.out.splitlines()
    assert head.split() == ["causal-middle", str(trained)]
    rows = {row[0]: row[1:] for row in (re.split("  +", line.strip()) for line in lines)}
    card = read_model(trained).card
    assert rows["family"] == ["l3c", "l3c"]
    assert len(set(rows["parameters"])) == 1
    assert rows["identity"][1] == card["integer_identity"] != rows["identity"][0]
    assert rows["float identity"][1] == card["identity"]
    assert rows["steps"] == ["-", "20"]
    assert rows["training seconds"] == ["-", "4.5"]
    assert [rows[name][1] for name in ("processes", "threads", "device")] == ["1", "2", "cpu"]
    assert (rows["images"], rows["data"]) == (["-", "6"], ["-", "0123456789ab"])
    assert (rows["train bpsp"], rows["validation bpsp"]) == (["-", "4.250"], ["-", "4.500"])
    assert (rows["licence"], rows["released"]) == (["-", "CC0-1.0"], ["-", "2026-11-22"])
    assert (rows["torch"], rows["python"]) == (["-", "2.13.0"], ["-", "3.11.7"])
    names = list(rows)
    differ, alike = map(names.index, ("settings that differ", "settings alike, unlike the paper"))
    assert names[differ + 1 : differ + 3] == ["train.steps", "train.learning_rate"]
    assert rows["train.steps"] == ["700000", "20", "700000"]
    assert rows["train.learning_rate"] == ["0.0001", "0.003", "0.0001"]
    assert "model.blocks" in names[alike:]
    assert rows["model.blocks"] == ["1", "1", "8"]
    assert "model.scales" not in rows


def test_a_model_compared_with_itself_differs_in_nothing(run: Run, trained: Path) -> None:
    ended = run("models", trained, trained, trained, "--compare")
    assert ended.code == 0
    assert "settings that differ" not in ended.out
    assert "settings alike, unlike the paper" in ended.out


def test_a_comparison_for_scripts(run: Run, trained: Path, other_model: Path) -> None:
    content = json.loads(run("models", "--compare", other_model, trained, "--json").out)
    assert content["differing"] == ["train.steps", "train.learning_rate"]
    other, ours = content["models"]
    assert (other["steps"], ours["steps"], ours["validation_bpsp"]) == (None, 20, 4.5)
    assert ours["settings"]["train.steps"] == 20
    assert "train.steps: 20 instead of 700000" in ours["deviations"]
    assert ours["versions"] == {"torch": "2.13.0", "python": "3.11.7"}


def test_a_comparison_needs_two_models_that_are_there(
    run: Run, model: Path, other_model: Path, tmp_path: Path
) -> None:
    ended = run("models", "--compare", other_model)
    assert (ended.code, "--compare takes two models or more, got 1" in ended.err) == (2, True)
    ended = run("models", "--compare", other_model, "nameless")
    assert (ended.code, "there are: causal-middle" in ended.err) == (4, True)
    shutil.copy(other_model, tmp_path / "x.safetensors")
    shutil.copy(model.with_suffix(".json"), tmp_path / "x.json")
    ended = run("models", "--compare", other_model, tmp_path / "x.safetensors")
    assert (ended.code, ended.out) == (4, "")
    assert "weights and recipe make model" in ended.err


def test_a_card_of_other_weights_is_found_out(
    run: Run, other_model: Path, model: Path, tmp_path: Path
) -> None:
    shutil.copy(other_model, tmp_path / "x.safetensors")
    shutil.copy(model.with_suffix(".json"), tmp_path / "x.json")
    ended = run("models", tmp_path / "x.safetensors", tmp_path / "nowhere.safetensors")
    assert ended.code == 4
    assert "x.safetensors: weights and recipe make model" in ended.err
    assert "nowhere.json: the model's card cannot be read" in ended.err


def test_samples_are_named_as_the_original_names_them(
    run: Run, photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "samples"
    ended = run("sample", photo, "-o", out)
    assert ended.code == 0
    lines = ended.out.splitlines()
    names = [Path(line.split(": ")[0]).name for line in lines]
    assert files_in(out) == sorted(names)
    rates = [float(line.split(": ")[1].split()[0]) for line in lines]
    assert rates == sorted(rates, reverse=True)
    assert names == [
        f"0_photo_{rates[0]:.3f}_gt.png",
        f"0_photo_rgb_{rates[1]:.3f}.png",
        f"0_photo_rgb+bn0_{rates[2]:.3f}.png",
        f"0_photo_rgb+bn0+bn1_{rates[3]:.3f}.png",
    ]
    assert (np.array(Image.open(out / names[0])) == np.array(Image.open(photo))).all()


def test_a_folder_is_sampled(run: Run, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    for name in ("a.png", "below/a.png"):
        shutil.copy(photo, folder / name)
    (folder / "notes.txt").write_text("no image")
    content = json.loads(run("sample", folder, photo, "-o", tmp_path / "out", "--json").out)
    assert content["exit_code"] == 0
    names = [Path(each["samples"][0]["output"]).name[:8] for each in content["files"]]
    assert names == ["0_a_" + names[0][4:], "1_a_" + names[1][4:], "2_photo_"]
    assert len(files_in(tmp_path / "out")) == 12
    (folder / "grey.tif").write_bytes(b"no image")
    assert run("sample", folder, "-o", tmp_path / "more").code == 1
    assert len(files_in(tmp_path / "more")) == 8


def test_samples_follow_the_seed(run: Run, photo: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("sample", photo, "-o", tmp_path / name, "--seed", seed, "--quiet").code == 0
    a, b, c = (next((tmp_path / name).glob("0_photo_rgb_*.png")).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_samples_blame_what_is_wrong(run: Run, photo: Path, tmp_path: Path) -> None:
    for seed in ("-1", "x", str(2**63)):
        assert run("sample", photo, "-o", tmp_path / "out", "--seed", seed).code == 2
    assert run("sample", photo, "-o", photo).code == 2
    ended = run("sample", photo, "-o", photo / "below", "--json")
    error = json.loads(ended.out)["files"][0]["error"]
    assert (ended.code, error["type"]) == (1, "OutputError")
    output = Path(error["output"])
    assert output.parent == photo / "below"
    assert output.name.endswith("_gt.png")
    assert ended.err.startswith(f"l3c: {output}: ")


def test_samples_replace_nothing_and_are_of_rgb(run: Run, photo: Path, album: Path) -> None:
    assert run("sample", photo, "-o", album).code == 0
    ended = run("sample", photo, "-o", album)
    assert (ended.code, "exists; use --force" in ended.err) == (1, True)
    ended = run("sample", album / "grey.tif", "-o", album)
    assert (ended.code, "only 8-bit RGB can be sampled" in ended.err) == (1, True)
