"""TensorBoard: what it is given, and that the training is the same with, without and lacking it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import smooth, tiny
from train_toy import run, toy

from l3c.training import loop
from l3c.training.tensorboard import INSTALL, add_pictures

CURVES = ["images_per_s", "learning_rate_factor", "train_bpsp", "validation_bpsp"]
IMAGES = ["samples/truth", "samples/x", "samples/x-z1", "z/1", "z/2"]
Train = Callable[[Path, Path | None], bytes]


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Train:
    """Trains with a row at every second of 10 steps, a validation at every fourth."""
    monkeypatch.setattr(loop, "METRICS_EVERY", 2)
    monkeypatch.setattr(loop, "VALIDATE_ROWS", 2)  # and a checkpoint at step 2 alone
    crops = torch.from_numpy(smooth(16, 32).transpose(2, 0, 1)[None].copy())
    return lambda folder, to: run(folder, toy(10), validation=crops, tensorboard=to).read_bytes()


def test_event_files_hold_every_step_once(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, batch, kills = tmp_path / "events", loop.Crops.batch, iter([9])

    def killed(self: loop.Crops, now: int, share: range) -> Any:
        if now == 9 and next(kills, None):
            raise KeyboardInterrupt
        return batch(self, now, share)

    monkeypatch.setattr(loop.Crops, "batch", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, folder)
    assert train(tmp_path, folder) == train(tmp_path / "without", None)
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == CURVES
    assert sorted(events.Tags()["images"]) == IMAGES
    for tag in CURVES[:3]:
        assert [event.step for event in events.Scalars(tag)] == [2, 4, 6, 8, 10]
    for tag in IMAGES:
        assert [event.step for event in events.Images(tag)] == [4, 8, 10]
    metrics = (tmp_path / "toy.csv").read_text().splitlines()[1:]
    bpsp = [event.value for event in events.Scalars("train_bpsp")]
    assert bpsp == pytest.approx([float(line.split(",")[1]) for line in metrics])


def test_without_tensorboard_it_is_said_once_and_training_goes_on(
    tmp_path: Path,
    train: Train,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert train(tmp_path, tmp_path / "events") == train(tmp_path / "without", None)
    assert not (tmp_path / "events").exists()
    said = [line for line in capsys.readouterr().err.splitlines() if "tensorboard" in line]
    assert len(said) == 1
    assert said[0].endswith(INSTALL)


class Writer:
    """What `add_pictures` writes: tag -> image."""

    def __init__(self) -> None:
        self.images: dict[str, np.ndarray] = {}

    def add_image(self, tag: str, image: np.ndarray, step: int, dataformats: str) -> None:
        self.images[tag] = image

    def add_images(self, tag: str, images: torch.Tensor, step: int) -> None:
        assert 0 <= images.min() <= images.max() <= 1
        self.images[tag] = images.numpy()


@pytest.mark.parametrize("kind", ["l3c", "rgb", "interlaced"])
def test_pictures_leave_network_and_random_state_alone(kind: str) -> None:
    network, image = tiny(kind), torch.from_numpy(smooth(16, 24).transpose(2, 0, 1).copy())
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    first, second = Writer(), Writer()
    for writer in (first, second):
        add_pictures(writer, 1, network, image)  # type: ignore[arg-type]
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    samples = [f"samples/{name}" for name in ("truth", "x", "x-z1", "x-z1-z2")]
    assert list(first.images) == ["z/1", "z/2", "z/3", *samples]
    assert first.images["z/1"].shape == (3, 1, 8, 12)
    assert all(np.array_equal(first.images[tag], second.images[tag]) for tag in first.images)
    assert np.array_equal(first.images["samples/truth"], image.permute(1, 2, 0))
    assert not np.array_equal(first.images["samples/x"], first.images["samples/truth"])
