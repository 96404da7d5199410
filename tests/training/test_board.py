"""TensorBoard: what it is given, and that the training is the same with, without and lacking it."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import smooth, tiny
from train_toy import photographs, toy

from l3c.training import loop
from l3c.training.board import INSTALL, Board, heat_map, pictures
from l3c.training.parallel import Workers

WRITER = "torch.utils.tensorboard"
CURVES = ["images_per_s", "learning_rate_factor", "train_bpsp", "validation_bpsp"]
IMAGES = ["samples/truth", "samples/x", "samples/x-z1", "z/1", "z/2"]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row at every second step, a validation at every fourth, a checkpoint for each row."""
    monkeypatch.setattr(loop, "METRICS_EVERY", 2)
    monkeypatch.setattr(loop, "VALIDATE_ROWS", 2)
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Tag and step of all that is written, to a writer in the place of tensorboard's."""
    found: list[tuple[str, int]] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int) -> None:
            found.append(("purge", purge_step))

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            assert np.isfinite(value)
            found.append((tag, step))

        def add_image(self, tag: str, image: Any, step: int, dataformats: str) -> None:
            assert (image.dtype, image.shape[2], dataformats) == (np.uint8, 3, "HWC")
            found.append((tag, step))

        def flush(self) -> None: ...

        def close(self) -> None:
            found.append(("closed", -1))

    module = ModuleType(WRITER)
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, WRITER, module)
    return found


def run(folder: Path, board: Path | None, steps: int = 10) -> bytes:
    """Trains, and gives the bytes of the weights."""
    weights = folder / "toy.safetensors"
    loop.train(
        toy(steps),
        photographs(),
        data_sha256="d" * 64,
        weights=weights,
        checkpoint=folder / "toy.pt",
        validation=torch.from_numpy(smooth(16, 32).transpose(2, 0, 1)[None].copy()),
        board=board,
    )
    return weights.read_bytes()


def killed_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The first training that comes to this step is interrupted there."""
    batch, kills = loop.Crops.batch, iter([step])

    def killed(self: loop.Crops, now: int, share: range) -> Any:
        if now == step and next(kills, None) is not None:
            raise KeyboardInterrupt
        return batch(self, now, share)

    monkeypatch.setattr(loop.Crops, "batch", killed)


def test_weights_are_the_same_with_and_without(
    tmp_path: Path, written: list[tuple[str, int]]
) -> None:
    assert run(tmp_path / "with", tmp_path / "board") == run(tmp_path / "without", None)
    assert written[0] == ("purge", 1)
    assert written[-1] == ("closed", -1)
    for tag in CURVES[:3]:
        assert [step for other, step in written if other == tag] == [2, 4, 6, 8, 10]
    for tag in (CURVES[3], *IMAGES):
        assert [step for other, step in written if other == tag] == [4, 8, 10]


def test_a_training_that_fails_closes_its_board(
    tmp_path: Path, written: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, tmp_path / "board")
    assert written[-1] == ("closed", -1)


def test_only_the_main_process_writes(
    tmp_path: Path, written: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Workers(1, 1, torch.device("cpu"))
    monkeypatch.setattr(loop, "join", lambda device: nullcontext(second))
    with pytest.raises(FileNotFoundError, match=r"toy\.safetensors"):  # nor does it write weights
        run(tmp_path, tmp_path / "board", steps=4)
    assert written == []


def test_without_tensorboard_it_is_said_once_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, WRITER, None)
    assert run(tmp_path / "lacking", tmp_path / "board") == run(tmp_path / "without", None)
    assert not (tmp_path / "board").exists()
    said = [line for line in capsys.readouterr().err.splitlines() if "tensorboard" in line]
    assert len(said) == 1
    assert said[0].startswith("no board: tensorboard is not installed")
    assert said[0].endswith(INSTALL)


def test_a_board_of_nothing_is_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Board(None) as board:
        board.scalars(1, x=1.0)
        board.images(1, tiny(), torch.zeros(3, 16, 16, dtype=torch.uint8))
    assert capsys.readouterr().err == ""


def test_event_files_hold_every_step_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "board"
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 1e9)  # only the first checkpoint, at step 2
    killed_at(monkeypatch, 9)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, folder)
    run(tmp_path, folder)
    assert len(list(folder.iterdir())) == 2
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == CURVES
    assert sorted(events.Tags()["images"]) == IMAGES
    for tag in CURVES[:3]:
        assert [event.step for event in events.Scalars(tag)] == [2, 4, 6, 8, 10]
    for tag in IMAGES:
        shown = events.Images(tag)
        assert [event.step for event in shown] == [4, 8, 10]
        width = 3 * 32 + 2 * 2 if tag.startswith("z") else 32
        assert (shown[0].height, shown[0].width) == (16, width)
    metrics = (tmp_path / "toy.csv").read_text().splitlines()[1:]
    bpsp = [event.value for event in events.Scalars("train_bpsp")]
    assert bpsp == pytest.approx([float(line.split(",")[1]) for line in metrics])
    assert events.Scalars("learning_rate_factor")[0].value > 0.9
    assert events.Scalars("images_per_s")[0].value > 0


@pytest.mark.parametrize("kind", ["l3c", "rgb", "interlaced"])
def test_pictures_leave_network_and_random_state_alone(kind: str) -> None:
    network, image = tiny(kind), smooth(16, 24)
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    first, second = pictures(network, image), pictures(network, image)
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    samples = [f"samples/{name}" for name in ("truth", "x", "x-z1", "x-z1-z2")]
    assert list(first) == ["z/1", "z/2", "z/3", *samples]
    assert all(np.array_equal(first[tag], second[tag]) for tag in first)
    assert np.array_equal(first["samples/truth"], image)
    assert not np.array_equal(first["samples/x"], image)


def test_heat_maps_go_from_dark_blue_to_yellow() -> None:
    symbols = np.array([[[0, 24], [12, 12]], [[24, 24], [0, 0]]])
    drawn = heat_map(symbols, levels=25, enlarge=4)
    assert drawn.shape == (8, 8 + 2 + 8, 3)
    assert drawn[0, 3].tolist() == drawn[7, 17].tolist() == [68, 1, 84]
    assert drawn[3, 4].tolist() == drawn[0, 10].tolist() == [253, 231, 37]
    assert drawn[4, 0].tolist() == [33, 145, 140]
    assert (drawn[:, 8:10] == 255).all()
