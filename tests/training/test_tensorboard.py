"""TensorBoard: what it is given, and that the training is the same with, without and lacking it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import smooth, tiny
from train_toy import kill_at, run, toy

from l3c.training import loop
from l3c.training.tensorboard import INSTALL, add_pictures

CURVES = ["images_per_s", "lr_factor", "train_bpsp", "validation_bpsp"]
IMAGES = ["samples/truth", "samples/x", "samples/x-z1", "z/1", "z/2"]
WRITER = "torch.utils.tensorboard"
Train = Callable[[Path, Path | None], bytes]


class Writer(contextlib.ExitStack):
    """In the place of tensorboard's: keeps tag and step, and images by tag."""

    def __init__(self, folder: str = "", purge_step: int = 0) -> None:
        super().__init__()
        self.written: list[tuple[str, int]] = []
        self.images: dict[str, np.ndarray] = {}
        self.purge_step = purge_step

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        assert np.isfinite(value)
        self.written.append((tag, step))

    def add_image(self, tag: str, image: Any, step: int, dataformats: str = "CHW") -> None:
        self.written.append((tag, step))
        self.images[tag] = np.asarray(image)

    def add_images(self, tag: str, images: torch.Tensor, step: int) -> None:
        assert 0 <= images.min() <= images.max() <= 1
        self.add_image(tag, images, step)

    def flush(self) -> None: ...


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Train:
    """Trains with a row at every second of 10 steps, a validation at every fourth."""
    monkeypatch.setattr(loop, "METRICS_EVERY", 2)
    monkeypatch.setattr(loop, "VALIDATE_ROWS", 2)  # and a checkpoint at step 2 alone
    crops = torch.from_numpy(smooth(16, 32).transpose(2, 0, 1)[None].copy())
    return lambda folder, to: run(folder, toy(10), validation=crops, tensorboard=to).read_bytes()


def test_every_step_is_written_and_the_weights_stay_the_same(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers: list[Writer] = []
    module = SimpleNamespace(
        SummaryWriter=lambda *a, **k: writers.append(Writer(*a, **k)) or writers[-1]
    )
    monkeypatch.setitem(sys.modules, WRITER, module)
    kill_at(monkeypatch, 10)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, tmp_path / "events")
    assert train(tmp_path, tmp_path / "events") == train(tmp_path / "without", None)
    assert [writer.purge_step for writer in writers] == [1, 3]
    for tag in (*CURVES, *IMAGES):
        steps = [step for other, step in writers[1].written if other == tag]
        assert steps == ([4, 6, 8, 10] if tag in CURVES[:3] else [4, 8, 10])


def test_tensorboard_reads_what_is_written(tmp_path: Path, train: Train) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path, tmp_path / "events")
    events = EventAccumulator(str(tmp_path / "events"), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == CURVES
    assert sorted(events.Tags()["images"]) == IMAGES


def test_without_tensorboard_it_is_said_once_and_training_goes_on(
    tmp_path: Path,
    train: Train,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, WRITER, None)
    assert train(tmp_path, tmp_path / "events") == train(tmp_path / "without", None)
    assert not (tmp_path / "events").exists()
    said = [line for line in capsys.readouterr().err.splitlines() if "tensorboard" in line]
    assert len(said) == 1
    assert said[0].endswith(INSTALL)


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
