"""Training: deterministic, resumable to the bit, and it says why when it stops."""

import csv
import errno
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from l3c.models.base import load_model
from l3c.models.l3c import L3C
from l3c.models.zoo import read_model
from l3c.recipe import Recipe, TrainSettings
from l3c.training import files, loop
from l3c.training.errors import TrainingError
from l3c.training.optimizers import MUON_RATIO, make_optimizers
from l3c.training.validation import validation_bpsp

RECIPE = Recipe(
    name="toy",
    model={
        "kind": "l3c",
        "scales": 2,
        "features": 12,
        "blocks": 0,
        "mixtures": 2,
        "dilations": [1],
        "parametrization": "unit",
        "initialization": "pyramid",
        "channel_coefficients": "centred",
    },
    train=TrainSettings(
        steps=12,
        crop=16,
        batch=2,
        optimizer="muon",
        learning_rate=1e-3,
        schedule="cosine",
        warmup_steps=2,
        clip_norm=1.0,
        rotate=True,
    ),
)


def photographs() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 40)[:, None, None] + np.linspace(0, 50, 32)[None, :, None]
    noise = rng.normal(0, 4, (40, 32, 3))
    photograph = (ramp + noise).clip(0, 255).astype(np.uint8)
    return {"a": photograph, "b": np.full((16, 16, 3), 99, np.uint8)}


def run(folder: Path, recipe: Recipe = RECIPE, **more: Any) -> Path:
    weights = folder / "toy.safetensors"
    loop.train(
        recipe,
        photographs(),
        data_sha256="d" * 64,
        weights=weights,
        checkpoint=folder / "checkpoints" / "toy.pt",
        **more,
    )
    return weights


def test_writes_weights_card_and_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    weights = run(tmp_path, about={"licence": "CC0-1.0"})
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["steps"] == 12
    assert card["images"] == 2
    assert Recipe.model_validate(card["recipe"]) == RECIPE
    assert "model.blocks: 0 instead of 8" in card["deviations"]
    assert card["date"] == "2001-09-09"
    assert (card["licence"], card["compiled"]) == ("CC0-1.0", False)
    rows = list(csv.reader(weights.with_suffix(".csv").read_text().splitlines()))
    assert rows[0] == ["step", "train_bpsp", "seconds", "validation_bpsp"]
    assert rows[-1][3] == ""
    assert card["validation_bpsp"] is None
    assert rows[-1][0] == "12"
    assert float(rows[-1][1]) == card["final_train_bpsp"]
    assert not (tmp_path / "checkpoints" / "toy.pt").exists()


def test_validation_is_measured_now_and_then_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "METRICS_EVERY", 2)
    monkeypatch.setattr(loop, "VALIDATE_ROWS", 2)
    crops = torch.from_numpy(photographs()["a"][:16, :16].transpose(2, 0, 1)[None].copy())
    weights = tmp_path / "toy.safetensors"
    loop.train(
        RECIPE.model_copy(update={"train": RECIPE.train.model_copy(update={"steps": 10})}),
        photographs(),
        data_sha256="d" * 64,
        weights=weights,
        checkpoint=tmp_path / "toy.pt",
        validation=crops,
    )
    rows = list(csv.DictReader(weights.with_suffix(".csv").read_text().splitlines()))
    assert [bool(row["validation_bpsp"]) for row in rows] == [False, True, False, True, True]
    model, _ = load_model(read_model(weights))
    measured = validation_bpsp(model, crops)
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["validation_bpsp"] == float(rows[-1]["validation_bpsp"])
    assert measured == pytest.approx(card["validation_bpsp"], rel=1e-6)


def test_resumed_run_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole").read_bytes()
    monkeypatch.setattr(loop, "METRICS_EVERY", 4)
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    calls = []
    batch = loop.Crops.batch

    def killed(self: loop.Crops, step: int, share: range) -> Any:
        calls.append(step)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return batch(self, step, share)

    monkeypatch.setattr(loop.Crops, "batch", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "resumed")
    assert not (tmp_path / "resumed" / "toy.safetensors").exists()
    metrics = (tmp_path / "resumed" / "toy.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in metrics] == ["step", "4"]
    resumed = run(tmp_path / "resumed").read_bytes()
    assert calls == [0, 1, 2, 3, 4, 5, 6, *range(4, 12)]
    assert resumed == whole


def test_checkpoint_of_another_recipe_is_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = RECIPE.model_copy(update={"train": RECIPE.train.model_copy(update={"seed": 1})})
    expected = run(tmp_path / "clean").read_bytes()
    checkpoint = tmp_path / "used" / "checkpoints" / "toy.pt"
    checkpoint.parent.mkdir(parents=True)
    torch.save(
        {"identity": loop._identity(other, other.make_model(), "d" * 64), "step": 11}, checkpoint
    )
    kept = checkpoint.read_bytes()
    assert run(tmp_path / "used").read_bytes() == expected
    (aside,) = checkpoint.parent.glob("toy.other-*.pt")
    assert aside.read_bytes() == kept
    said = capsys.readouterr().err
    assert f"toy.pt: of another recipe or other images; kept as {aside.name}, training" in said


def test_a_full_disk_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "METRICS_EVERY", 4)
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    expected = run(tmp_path / "clean").read_bytes()
    writes: list[Path] = []
    real = files.write_whole

    def full(path: Path, content: bytes) -> None:
        writes.append(path)
        if len(writes) == 3:  # after the first checkpoint and its metrics
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, content)

    monkeypatch.setattr(files, "write_whole", full)
    with pytest.raises(TrainingError, match=r"toy\.pt: the disk of .* is full; make room"):
        run(tmp_path / "full")
    assert torch.load(writes[0])["step"] == 4
    assert run(tmp_path / "full").read_bytes() == expected


def test_a_compiled_training_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def compile(module: torch.nn.Module) -> torch.nn.Module:
        compiled.append(module)
        return module

    monkeypatch.setattr(torch, "compile", compile)
    plain = run(tmp_path / "plain")
    assert not compiled
    weights = run(tmp_path / "compiled", compiled=True)
    assert len(compiled) == 1
    assert json.loads(weights.with_suffix(".json").read_text())["compiled"]
    assert weights.read_bytes() == plain.read_bytes()  # no name of a parameter depends on it


def test_progress_shows_rate_and_time_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path)
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(
        r"train toy: 12/12 steps, bpsp [\d.]+, img/s [\d.e+]+, \d+ s, 0 s left", line
    )


def test_unreadable_checkpoint_is_named(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoints" / "toy.pt"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"half a file")
    with pytest.raises(TrainingError, match=r"toy\.pt: checkpoint cannot be read .* delete it"):
        run(tmp_path)


def test_crop_larger_than_an_image_is_named(tmp_path: Path) -> None:
    train = RECIPE.train.model_copy(update={"crop": 24})
    with pytest.raises(TrainingError, match="b: 16x16 pixels, smaller than the crop of 24"):
        run(tmp_path, RECIPE.model_copy(update={"train": train}))


def test_loss_that_is_not_finite_stops_with_a_saved_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    loss = L3C.loss

    def spoiled(self: L3C, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        calls.append(1)
        factor = float("nan") if len(calls) == 4 else 1.0
        return {part: bits * factor for part, bits in loss(self, batch).items()}

    monkeypatch.setattr(L3C, "loss", spoiled)
    monkeypatch.setattr(loop, "METRICS_EVERY", 2)
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    with pytest.raises(
        TrainingError, match=r"loss is nan at step 3, on crops of [ab].*\.stopped\.pt"
    ):
        run(tmp_path)
    folder = tmp_path / "checkpoints"
    assert torch.load(folder / "toy.stopped.pt")["step"] == 3
    assert torch.load(folder / "toy.pt")["step"] == 2  # the last good state is left alone


def test_a_group_at_factor_0_stays_as_it_starts(tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(
        update={"train": RECIPE.train.model_copy(update={"lr_factors": {"extractors": 0.0}})}
    )
    run(tmp_path, recipe)
    start = recipe.make_model()
    start.initialize(recipe.train.seed)
    trained = load_file(tmp_path / "toy.safetensors")
    changed = {
        name.split(".")[0]
        for name, value in start.state_dict().items()
        if not torch.equal(value, trained[name])
    }
    assert changed == {"predictors", "classifiers"}


def test_a_group_learns_at_its_own_rate() -> None:
    network = RECIPE.make_model()
    settings = RECIPE.train.model_copy(update={"lr_factors": {"extractors": 0.1}})
    rates = {
        id(parameter): group["lr"]
        for optimizer in make_optimizers(network, settings)
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    for name, parameter in network.named_parameters():
        share = 0.1 if name.startswith("extractors") else 1.0
        ratio = MUON_RATIO if parameter.ndim == 4 and parameter.shape[-1] > 1 else 1.0
        assert rates[id(parameter)] == pytest.approx(1e-3 * share * ratio)


@pytest.mark.parametrize("named", ["path", "released"])
def test_a_training_starts_from_the_weights_of_another_model(
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All that fit; an extractor that does not learn shows that they were taken."""
    start = run(tmp_path / "start")
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", (start.parent,))
    source = str(start) if named == "path" else "toy"
    frozen = {"steps": 1, "lr_factors": {"extractors": 0.0}}
    train = RECIPE.train.model_copy(update=frozen)
    same = RECIPE.model_copy(update={"init_from": source, "train": train})
    expected, found = load_file(start), load_file(run(tmp_path / "same", same))
    extractors = [name for name in expected if name.startswith("extractors.")]
    assert extractors
    assert all(torch.equal(found[name], expected[name]) for name in extractors)
    total = sum(not name.startswith("integer.") for name in expected)
    assert f"{total} of {total} tensors" in capsys.readouterr().err

    deeper = same.model_copy(update={"model": RECIPE.model | {"blocks": 1}})
    found = load_file(run(tmp_path / "deeper", deeper))
    assert torch.equal(found["extractors.0.down.weight"], expected["extractors.0.down.weight"])
    assert re.search(rf"\b{total} of (?!{total} )\d+ tensors", capsys.readouterr().err)
    card = read_model(tmp_path / "deeper" / "toy.safetensors").card
    assert f"init_from: {source}" in card["deviations"]


@pytest.mark.parametrize("source", ["nowhere", "other.safetensors", "fits not"])
def test_a_start_that_cannot_be_taken_is_an_error(source: str, tmp_path: Path) -> None:
    if source == "fits not":
        model = {"scales": 1, "features": 16, "blocks": 0, "mixtures": 3, "dilations": [1]}
        other = RECIPE.model_copy(update={"family": "interlaced", "model": model})
        source = str(run(tmp_path / "other", other))
    with pytest.raises(TrainingError, match="init_from"):
        run(tmp_path / "mine", RECIPE.model_copy(update={"init_from": source}))
