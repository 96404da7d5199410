"""Training: deterministic, resumable to the bit, and it says why when it stops.

Learning rates by group and step; Muon moves every singular value of a filter bank alike. Crops: a
function of seed and step, and the fixed ones that a network is validated on.
"""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import train_toy
from safetensors.torch import load_file
from tiny_models import noise, tiny
from train_toy import MODEL, kill_at, photographs, run, toy

from l3c.data.datasets import DatasetSpec, build_dataset
from l3c.data.images import write_png
from l3c.files import write_whole
from l3c.models.base import load_model
from l3c.models.l3c import L3C
from l3c.models.zoo import read_model
from l3c.recipe import Recipe, TrainSettings
from l3c.training import TrainingError, loop, state
from l3c.training.crops import CROPS, SIDE, Crops, middle_crops, validate
from l3c.training.state import MUON_RATIO, Muon, lr_factor, make_optimizers

FAST = {"optimizer": "muon", "learning_rate": 1e-3, "warmup_steps": 2, "lr_factors": {}}
RECIPE = toy(12, **FAST, batch=2)
VALIDATED = torch.from_numpy(photographs()["a"][:16, :16].transpose(2, 0, 1)[None].copy())


def changed(**train):
    return RECIPE.model_copy(update={"train": RECIPE.train.model_copy(update=train)})


@pytest.fixture
def often(monkeypatch):
    """A row and a checkpoint at every fourth step."""
    monkeypatch.setattr(loop, "METRICS_EVERY", 4)
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)


def test_writes_weights_card_and_metrics_and_shows_progress(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    weights = run(tmp_path, RECIPE, about={"licence": "CC0-1.0"})
    line = capsys.readouterr().err.splitlines()[-1]
    assert all(part in line for part in ("train toy", "12/12", "bpsp", "img/s"))
    card = json.loads(weights.with_suffix(".json").read_text())
    expected = {"steps": 12, "images": 2, "date": "2001-09-09", "licence": "CC0-1.0"}
    expected |= {"compiled": False, "validation_bpsp": None}
    assert expected.items() <= card.items()
    assert Recipe.model_validate(card["recipe"]) == RECIPE
    assert "model.blocks: 1 instead of 8" in card["deviations"]
    rows = pd.read_csv(weights.with_suffix(".csv"))
    assert list(rows) == ["step", "train_bpsp", "seconds", "validation_bpsp"]
    assert (rows.step.iloc[-1], rows.train_bpsp.iloc[-1]) == (12, card["final_train_bpsp"])
    assert not (tmp_path / "toy.pt").exists()


@pytest.mark.parametrize("average", [None, 0.5])
def test_validation_is_measured_now_and_then_and_at_the_end(tmp_path, monkeypatch, average):
    monkeypatch.setattr(loop, "METRICS_EVERY", 2)
    monkeypatch.setattr(loop, "VALIDATE_ROWS", 2)
    recipe = changed(steps=10, average=average, schedule="linear")
    weights = run(tmp_path, recipe, validation=VALIDATED)
    rows = pd.read_csv(weights.with_suffix(".csv"))
    assert rows.validation_bpsp.notna().tolist() == [False, True, False, True, True]
    assert rows.validation_bpsp.dropna().is_unique  # averages move, too
    card = read_model(weights).card
    assert card["validation_bpsp"] == rows.validation_bpsp.iloc[-1]
    model, _ = load_model(read_model(weights))  # the averaged weights, if there are any
    assert validate(model, VALIDATED)["validation_bpsp"] == pytest.approx(card["validation_bpsp"])
    plain = load_file(run(tmp_path / "plain", changed(steps=10, schedule="linear")))
    same = [torch.equal(value, plain[name]) for name, value in load_file(weights).items()]
    assert all(same) == (average is None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Weights by decay of their average, of a training that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    return {k: run(folder / str(k), changed(average=k)).read_bytes() for k in (None, 0.9)}


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("average", [None, 0.9])
def test_resumed_run_ends_with_the_same_weights(tmp_path, monkeypatch, whole, average):
    recipe = changed(average=average)
    calls = kill_at(monkeypatch, 7)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, recipe)
    assert not (tmp_path / "toy.safetensors").exists()
    assert pd.read_csv(tmp_path / "toy.csv").step.tolist() == [4]
    assert run(tmp_path, recipe).read_bytes() == whole[average]
    assert calls == [0, 1, 2, 3, 4, 5, 6, *range(4, 12)]


@pytest.mark.usefixtures("often")
def test_a_full_disk_keeps_the_last_checkpoint(tmp_path, monkeypatch, whole):
    writes = []

    def full(path, content):
        writes.append(path)
        if len(writes) == 2:  # after the first checkpoint
            raise OSError(errno.ENOSPC, "No space left on device")
        write_whole(path, content)

    monkeypatch.setattr(state, "write_whole", full)
    with pytest.raises(TrainingError, match=r"toy\.pt: .*No space left"):
        run(tmp_path, RECIPE)
    assert torch.load(writes[0])["step"] == 4
    assert run(tmp_path, RECIPE).read_bytes() == whole[None]


def test_checkpoint_of_another_recipe_is_kept_aside(tmp_path, whole):
    torch.save({"identity": "other", "step": 11}, tmp_path / "toy.pt")
    kept = (tmp_path / "toy.pt").read_bytes()
    assert run(tmp_path, RECIPE).read_bytes() == whole[None]
    assert (tmp_path / "toy.other-other.pt").read_bytes() == kept


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_weights(tmp_path):
    def start(name):
        command = [sys.executable, "-m", "train_toy", str(tmp_path / name)]
        helpers = Path(train_toy.__file__).parent
        paths = f"{helpers.parents[1]}{os.pathsep}{helpers}"
        return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths})

    assert start("whole").wait() == 0
    killed = start("killed")
    while not (tmp_path / "killed" / "toy.pt").exists() and killed.poll() is None:
        time.sleep(0.005)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "toy.safetensors").exists()
    assert start("killed").wait() == 0
    whole, resumed = (tmp_path / name / "toy.safetensors" for name in ("whole", "killed"))
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_compiled_training_says_so(tmp_path, monkeypatch, whole):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda module: compiled.append(module) or module)
    weights = run(tmp_path, RECIPE, compiled=True)
    assert len(compiled) == 1
    assert read_model(weights).card["compiled"]
    assert weights.read_bytes() == whole[None]  # no name of a parameter depends on it


def test_what_does_not_fit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for recipe, device, named in (
        (changed(crop=24), "cpu", "b: 16x16"),
        (changed(lr_factors={"extractor": 0.0}), "cpu", "extractor"),
        (RECIPE, "cuda", "GPU"),
    ):
        with pytest.raises(TrainingError, match=named):
            run(tmp_path, recipe, device=device)
    (tmp_path / "toy.pt").write_bytes(b"half a file")
    with pytest.raises(TrainingError, match=r"toy\.pt"):
        run(tmp_path, RECIPE)


@pytest.mark.usefixtures("often")
def test_loss_that_is_not_finite_stops_with_a_saved_state(tmp_path, monkeypatch):
    calls = []
    loss = L3C.loss

    def spoiled(self, batch):
        calls.append(1)
        factor = float("nan") if len(calls) == 6 else 1.0
        return {part: bits * factor for part, bits in loss(self, batch).items()}

    monkeypatch.setattr(L3C, "loss", spoiled)
    with pytest.raises(TrainingError, match=r"step 5, on crops of [ab].*\.stopped\.pt"):
        run(tmp_path, RECIPE)
    assert torch.load(tmp_path / "toy.stopped.pt")["step"] == 5
    assert torch.load(tmp_path / "toy.pt")["step"] == 4  # the last good state is left alone


@pytest.mark.parametrize("named", ["path", "released"])
def test_a_training_starts_from_the_weights_of_another_model(named, tmp_path, monkeypatch, capsys):
    """All that fit; an extractor that does not learn shows that they were taken."""
    start = run(tmp_path / "start", changed(steps=1))
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", (start.parent,))
    source = str(start) if named == "path" else "toy"
    same = changed(steps=1, lr_factors={"extractors": 0.0})
    same = same.model_copy(update={"init_from": source})
    deeper = same.model_copy(update={"model": MODEL | {"blocks": 2}})
    expected, name = load_file(start), "extractors.0.down.weight"
    total = sum(not name.startswith("integer.") for name in expected)
    for recipe, taken in ((same, f"{total} of {total} "), (deeper, f"{total} of ")):
        weights = run(tmp_path / str(recipe.model["blocks"]), recipe)
        assert torch.equal(load_file(weights)[name], expected[name])
        assert taken in capsys.readouterr().err
        assert f"init_from: {Path(source).name}" in read_model(weights).card["deviations"]


@pytest.mark.parametrize("source", ["nowhere", "other.safetensors", "fits not"])
def test_a_start_that_cannot_be_taken_is_an_error(source, tmp_path):
    if source == "fits not":
        model = {"scales": 1, "features": 16, "blocks": 0, "mixtures": 3, "dilations": [1]}
        other = changed(steps=1).model_copy(update={"family": "interlaced", "model": model})
        source = str(run(tmp_path / "other", other))
    with pytest.raises(TrainingError, match="init_from"):
        run(tmp_path, RECIPE.model_copy(update={"init_from": source}))


@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (64, 2, 3, 3), (12, 20)])
def test_singular_values_are_near_one(shape):
    parameter = torch.nn.Parameter(torch.zeros(shape))
    parameter.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    Muon([parameter], lr=1.0).step()
    matrix = parameter.detach().flatten(1)
    values = torch.linalg.svdvals(matrix) / max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
    assert 0.6 < values.min() < values.max() < 1.3


def test_a_group_learns_at_its_own_rate():
    recipe = toy(12, optimizer="muon", learning_rate=1e-3, lr_factors={"extractors": 0.1})
    network = recipe.make_model()
    rates = {
        id(parameter): group["lr"]
        for optimizer in make_optimizers(network, recipe.train)
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    for name, parameter in network.named_parameters():
        share = 0.1 if name.startswith("extractors") else 1.0
        ratio = MUON_RATIO if parameter.ndim == 4 and parameter.shape[-1] > 1 else 1.0
        assert rates[id(parameter)] == pytest.approx(1e-3 * share * ratio)


def test_schedules():
    for kind, expected in (
        ({"schedule": "cosine"}, [1, 0.5, 0.0245]),
        ({"schedule": "linear", "decay_share": 0.5}, [1, 1, 0.2]),
        ({"schedule": "exponential", "decay": 0.5, "decay_steps": 4}, [1, 0.5, 0.25]),
        ({"schedule": "linear", "warmup_steps": 20}, [0.05, 0.3, 10 / 20 * 1 / 3.3]),
    ):
        settings = toy(10, **kind).train
        factors = [lr_factor(step, settings) for step in (0, 5, 9)]
        assert factors == pytest.approx(expected, abs=1e-4)


def dataset(folder, images):
    """Writes a data set; the path of its manifest."""
    (folder / "in").mkdir()
    for name, image in images.items():
        write_png(folder / "in" / f"{name}.png", image)
    return build_dataset(DatasetSpec(source=str(folder / "in")), folder / "out")


def test_permuted_crops_are_the_same_in_other_colours():
    image = np.stack([np.full((16, 16), value, np.uint8) for value in (10, 20, 30)], -1)
    plain = TrainSettings(crop=16, batch=40)
    permuted = Crops({"a": image}, plain.model_copy(update={"permute": 1.0})).batch(0)[0]
    assert {*map(tuple, permuted[:, :, 0, 0].tolist())} == {*permutations((10, 20, 30))}
    assert (Crops({"a": image}, plain).batch(0)[0][:, :, 0, 0] == torch.tensor([10, 20, 30])).all()


def test_the_middle_of_photographs_that_are_large_enough(tmp_path):
    large, small = noise(SIDE + 4, SIDE + 1, 3), noise(SIDE - 1, 500, 3)
    crops = middle_crops(dataset(tmp_path, {"small": small, "large": large}))
    assert crops.shape == (1, 3, SIDE, SIDE)
    assert np.array_equal(crops[0].permute(1, 2, 0), large[2:-2, :SIDE])


def test_many_photographs_are_thinned_out_evenly_and_no_others_read(tmp_path):
    images = {f"{i:03}": np.full((SIDE, SIDE, 3), i, np.uint8) for i in range(2 * CROPS)}
    manifest = dataset(tmp_path, images)
    (manifest.parent / "images" / "001.png").unlink()
    assert middle_crops(manifest)[:, 0, 0, 0].tolist() == list(range(0, 2 * CROPS, 2))


def test_bpsp_counts_every_scale():
    network, crops = tiny(), torch.from_numpy(noise(9, 3, 16, 16))
    with torch.no_grad():
        bits = sum(float(sum(network.bits(crop[None]).values())) for crop in crops)
    found = validate(network, crops)
    assert found == {"validation_bpsp": pytest.approx(bits / crops.numel(), rel=1e-5)}
