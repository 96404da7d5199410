"""`l3c bench` and `l3c train`: the workflow's measuring and training on a user's folder."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import Run, files_in
from PIL import Image
from tiny_models import smooth

import l3c
from l3c.bench.measure.other_load import OtherLoad
from l3c.models import zoo
from l3c.training import loop, optimizers

ROOT = Path(__file__).parents[2]
TOY = ROOT / "config" / "recipes" / "toy-l3c.yaml"

LOSSY = """
import numpy as np
from baselines.base import Method

class Lossy(Method):
    name, key, suffix = "Lossy", "lossy", ".bin"

    def version(self):
        return "1"

    def encode(self, image):
        return bytes(image.shape[:2])

    def decode(self, data):
        return np.zeros((*data, 3), np.uint8)
"""


def test_a_table_of_methods(run: Run, album: Path) -> None:
    ended = run("bench", album, "--methods", "raw,png,l3c", "--threads", 1)
    assert ended.code == 0
    assert ".hidden.png" not in ended.out
    assert "1 .txt, 1 hidden" in ended.err
    lines = ended.out.splitlines()
    assert lines[0].startswith("method")
    assert sorted(line.split()[0] for line in lines[1:4]) == ["PNG", "Raw", zoo.DEFAULT]
    assert all(line.endswith("yes") for line in lines[1:4])
    [png] = [line for line in lines if line.startswith("PNG")]
    assert "100.0 %" in png
    assert lines[4].startswith("images: 1;")
    assert "left out 2020/alpha.png: alpha channel, not 8-bit RGB" in lines
    assert "left out grey.tif: greyscale, not 8-bit RGB" in lines


def test_bench_for_scripts(run: Run, album: Path) -> None:
    content = json.loads(run("bench", album, "--methods", "raw,png", "--json").out)
    assert [method["key"] for method in content["methods"]] == ["png", "raw"]
    assert content["methods"][0]["of_png"] == 1
    assert {row["image"] for row in content["rows"]} == {"a"}
    assert len(content["left_out"]) == 3
    ended = run("bench", album, "--methods", "raw,png", "--csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert [row["key"] for row in rows] == ["raw", "png"]
    assert float(rows[0]["bpsp"]) > 8


def test_several_models_and_folders(
    run: Run, album: Path, other_model: Path, photo: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(photo, more / "b.png")
    models = ["--model", zoo.DEFAULT, "--model", other_model]
    command = ("bench", album, more, "--methods", "l3c,png", *models)
    content = json.loads(run(*command, "--json").out)
    assert content["folders"] == [str(album), str(more)]
    found = {(each["folder"], each["key"], each["method"]) for each in content["methods"]}
    methods = (("l3c_1", zoo.DEFAULT), ("l3c_2", "other"), ("png", "PNG"))
    assert found == {(str(folder), *method) for folder in (album, more) for method in methods}
    assert all(each["images"] == 1 and each["lossless"] for each in content["methods"])
    assert {(row["folder"], row["image"]) for row in content["rows"]} == {
        (str(album), "a"),
        (str(more), "b"),
    }
    assert {each["folder"] for each in content["left_out"]} == {str(album)}
    ended = run("bench", album, more, "--methods", "png,raw")
    assert ended.code == 0
    assert [line for line in ended.out.splitlines() if line.endswith(":")] == [
        f"{album}:",
        f"{more}:",
    ]
    (more / "b.png").unlink()
    assert run("bench", album, more, "--methods", "png").code == 1


def test_a_machine_that_was_not_quiet_is_said(
    run: Run, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for load, said in ((0.0, False), (0.5, True)):
        monkeypatch.setattr(OtherLoad, "share", lambda self, load=load: load)
        content = json.loads(run("bench", album, "--methods", "raw", "--json").out)
        assert [row["other_load"] for row in content["rows"]] == [load]
        assert bool(content["not_quiet"]) == said
        assert ("not quiet" in run("bench", album, "--methods", "raw").out) == said


def test_the_learned_method_as_it_is_written_and_otherwise(run: Run, album: Path) -> None:
    keys = ["l3c", "l3c_network", "l3c_quick"]
    content = json.loads(run("bench", album, "--methods", ",".join(keys), "--json").out)
    sizes = {row["key"]: row["num_bytes"] for row in content["rows"]}
    assert set(sizes) == set(keys)
    # The model is untrained, and bench's processes choose as users' do.
    assert sizes["l3c"] == sizes["l3c_quick"] < sizes["l3c_network"]


def test_a_lossy_method_is_named(run: Run, album: Path, tmp_path: Path) -> None:
    (tmp_path / "lossy.py").write_text(LOSSY)
    ended = run("bench", album, "--methods", f"raw,{tmp_path / 'lossy.py'}")
    assert ended.code == 1
    [line] = [line for line in ended.out.splitlines() if line.startswith("Lossy")]
    assert "NO: failed on 1 of 1 image: a: not lossless: " in line


FUNCTIONS = """
import zlib
import numpy as np

print("loaded")

def encode(image):
    print("encoding")
    image ^= 1  # lossless, and its input is gone
    if image.shape[0] == 20:
        raise RuntimeError("too small")
    return zlib.compress(image.tobytes())

def decode(data):
    print("decoding")
    return np.frombuffer(zlib.decompress(data), np.uint8).reshape(-1, 44, 3) ^ 1
"""


def test_functions_that_print_and_fail_are_rows(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(smooth(30, 44)).save(folder / "a.png")
    Image.fromarray(smooth(20, 44)).save(folder / "b.png")
    (tmp_path / "mine.py").write_text(FUNCTIONS)
    methods = ["--methods", f"{tmp_path / 'mine.py'},raw"]
    ended = run("bench", folder, *methods, "--json")
    content = json.loads(ended.out)
    assert ended.code == 1
    of = {method["key"]: method for method in content["methods"]}
    assert (of["mine"]["images"], of["mine"]["lossless"]) == (1, False)
    assert (of["raw"]["images"], of["raw"]["lossless"]) == (2, True)
    [failure] = [row for row in content["rows"] if row["reason"]]
    assert (failure["key"], failure["image"]) == ("mine", "b")
    assert (failure["num_bytes"], failure["lossless"]) == (None, False)
    assert "RuntimeError: too small" in failure["reason"]
    ended = run("bench", folder, *methods, "--csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert [(row["key"], row["num_bytes"] != "", row["reason"] == "") for row in rows] == [
        ("mine", True, True),
        ("raw", True, True),
        ("raw", True, True),
        ("mine", False, False),
    ]


def test_methods_are_checked_before_any_is_measured(run: Run, album: Path, tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text("def encode(image): return b''\n")
    ended = run("bench", album, "--methods", f"raw,{tmp_path / 'half.py'}")
    assert (ended.code, ended.out, "half.py" in ended.err) == (2, "", True)
    (tmp_path / "raw.py").write_text(FUNCTIONS)
    assert run("bench", album, "--methods", f"raw,{tmp_path / 'raw.py'}").code == 2


def test_a_missing_method_is_said_in_every_form(
    run: Run, album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone.py").write_text(
        "from baselines.raw import Raw\nclass Gone(Raw):\n    name, key = 'Gone', 'gone'\n"
        "    def why_unavailable(self): return 'install it'\n"
    )
    options = ["bench", album, "--methods", f"raw,{tmp_path / 'gone.py'}"]
    assert "not measured: install it" in run(*options).out
    ended = run(*options, "--csv")
    assert (ended.code, "install it" in ended.err) == (1, True)
    methods = json.loads(run(*options, "--json").out)["methods"]
    assert [(m["key"], m["lossless"], m["reason"]) for m in methods][1] == (
        *("gone", None),
        "install it",
    )


def test_bench_without_a_model(run: Run, album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    monkeypatch.setattr("l3c.cli.bench.METHODS", ("raw",))
    ended = run("bench", album)
    assert (ended.code, "not measured: no model is called " + zoo.DEFAULT in ended.out) == (0, True)
    assert run("bench", album, "--methods", "raw,l3c").code == 4
    assert run("bench", album, "--model", "nowhere").code == 4


def test_bench_says_what_it_cannot_use(run: Run, album: Path, tmp_path: Path) -> None:
    ended = run("bench", album, "--methods", "pgn")
    assert (ended.code, "did you mean 'png'?" in ended.err) == (2, True)
    ended = run("bench", tmp_path / "nowhere")
    assert (ended.code, "no such folder" in ended.err) == (1, True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(2):
        Image.fromarray(smooth(60 + i, 50)).save(folder / f"{i}.png")
    return folder


def test_a_trained_model_can_be_used(run: Run, photos: Path, tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    train = ["train", photos, "-o", weights, "--recipe", TOY, "--min-side", 32, "--steps", 3]
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(smooth(80, 70)).save(other / "x.png")
    ended = run(*train, "--validation", other, "--licence", "CC0-1.0")
    assert ended.code == 0
    assert ended.out.startswith(f"{weights}: ")
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
    assert (ended.code, f"l3c: {weights}: exists" in ended.err) == (1, True)


def test_an_interrupted_training_goes_on(
    run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0)
    monkeypatch.setattr(loop, "METRICS_EVERY", 2)
    steps = []

    def batch(crops: loop.Crops, step: int, share: range) -> object:
        steps.append(step)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return real(crops, step, share)

    real = loop.Crops.batch
    monkeypatch.setattr(loop.Crops, "batch", batch)
    weights = tmp_path / "mine.safetensors"
    train = ["train", photos, "-o", weights, "--recipe", TOY, "--as-is", "--steps", 6, "--quiet"]
    ended = run(*train)
    assert ended.code == 130
    assert f"{weights}: interrupted; the same command goes on from" in ended.err
    assert not weights.exists()
    assert run(*train) == (0, "", "")
    assert steps == [0, 1, 2, 3, 2, 3, 4, 5]


def test_a_training_interrupted_at_its_end_is_not_repeated(
    run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    real = loop.convert_and_write
    monkeypatch.setattr(loop, "convert_and_write", interrupt)
    weights = tmp_path / "mine.safetensors"
    train = ["train", photos, "-o", weights, "--recipe", TOY, "--as-is", "--steps", 2, "--quiet"]
    ended = run(*train)
    assert (ended.code, "the same command goes on from" in ended.err) == (130, True)
    metrics = weights.with_suffix(".csv").read_text()
    monkeypatch.setattr(loop, "convert_and_write", real)
    monkeypatch.setattr(optimizers, "lr_factor", interrupt)  # which every step calls
    assert run(*train) == (0, "", "")
    assert weights.with_suffix(".csv").read_text() == metrics
    assert "integer_identity" in json.loads(weights.with_suffix(".json").read_text())
    assert not weights.with_suffix(".checkpoint").exists()


def test_training_says_what_it_lacks(
    run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "mine.safetensors"
    ended = run("train", photos, "-o", weights, "--recipe", TOY)
    assert (ended.code, "none of 2 images kept; the first is 0.png" in ended.err) == (1, True)
    ended = run("train", photos, "-o", weights, "--recipe", tmp_path / "no.yaml", "--as-is")
    assert (ended.code, "no.yaml: cannot be read" in ended.err) == (1, True)
    Image.fromarray(smooth(10, 10)).save(photos / "small.png")
    ended = run("train", photos, "-o", weights, "--recipe", TOY, "--as-is")
    assert (ended.code, "smaller than the crop" in ended.err) == (1, True)
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    ended = run("train", photos, "-o", weights)
    assert (ended.code, "name one with --recipe" in ended.err) == (1, True)


def test_the_default_recipe_is_that_of_the_released_model(run: Run, photos: Path) -> None:
    ended = run("train", photos, "-o", photos.parent / "mine.safetensors", "--steps", 2)
    assert "too small" in ended.err  # with a recipe, it looks at the images


def test_noise_of_an_image_as_it_is(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    Image.fromarray(noise).save(folder / "x.png")
    weights = tmp_path / "mine.safetensors"
    options = ["--recipe", TOY, "--as-is", "--set", "train.steps=1", "--json", "--quiet"]
    content = json.loads(run("train", folder, "-o", weights, *options).out)
    assert (content["card"]["images"], content["card"]["steps"]) == (1, 1)
