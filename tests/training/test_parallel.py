"""Several processes train as one does: over gloo here, over NCCL on GPUs."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from train_toy import photographs, toy

from l3c.data.store import write_store
from l3c.models.zoo import open_codec
from l3c.training.__main__ import main
from l3c.training.errors import TrainingError
from l3c.training.parallel import Workers, lost_contact

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests" / "helpers" / "train_toy.py"


def start(
    folder: Path, steps: int, stderr: int = subprocess.DEVNULL, **environment: str
) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    paths = {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, str(TOY), str(folder), str(steps)],
        env={**os.environ, **paths, **environment},
        stderr=stderr,
    )


def losses(folder: Path) -> list[float]:
    with (folder / "toy.csv").open(newline="") as file:
        return [float(row["train_bpsp"]) for row in csv.DictReader(file)]


@pytest.mark.slow
def test_two_processes_lose_what_one_does(tmp_path: Path) -> None:
    steps = 100
    assert start(tmp_path / "one", steps).wait() == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [start(tmp_path / "two", steps, RANK=str(rank), **shared) for rank in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == len(two) == steps
    assert max(abs(a - b) for a, b in zip(one, two, strict=True)) < 1e-5
    assert one[-1] < one[0]


@pytest.mark.slow
def test_torchrun_trains_a_recipe_on_a_store(tmp_path: Path) -> None:
    write_store(tmp_path / "store", photographs().items(), "d" * 64)
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(toy(4).model_dump(mode="json")))
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "l3c.training", str(tmp_path / "toy.yaml")]
    weights = tmp_path / "toy.safetensors"
    command += ["--store", str(tmp_path / "store"), "--weights", str(weights)]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["processes"] == 2
    assert card["data_sha256"] == "d" * 64
    assert open_codec(weights, "cpu").identity.hex() == card["integer_identity"]
    assert len(losses(tmp_path)) == 1


def test_what_cannot_be_trained_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "toy.yaml"
    recipe.write_text(yaml.safe_dump(toy(4).model_dump(mode="json")))
    command = ["l3c.training", "--store", str(tmp_path), "--weights", "x.safetensors"]
    for more, word in (
        ([str(recipe)], "no complete training store"),
        (["no.yaml"], "no.yaml"),
        ([str(recipe), "--set", "train.stepz=1"], "train.stepz"),
        ([str(recipe), "--set", "model.kinds=rgb"], "model.kinds"),
    ):
        monkeypatch.setattr("sys.argv", [*command, *more])
        assert main() == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert word in line


def test_settings_are_overridden_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_store(tmp_path / "store", photographs().items(), "d" * 64)
    recipe, weights = tmp_path / "toy.yaml", tmp_path / "toy.safetensors"
    recipe.write_text(yaml.safe_dump(toy(4).model_dump(mode="json")))
    command = ["l3c.training", str(recipe), "--store", str(tmp_path / "store")]
    command += ["--weights", str(weights), "--set", "train.steps=2", "--set", "model.features=16"]
    monkeypatch.setattr("sys.argv", command)
    assert main() == 0
    card = json.loads(weights.with_suffix(".json").read_text())
    assert (card["steps"], card["recipe"]["model"]["features"]) == (2, 16)


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    steps = 60
    assert start(tmp_path / "whole", steps).wait() == 0
    process = start(tmp_path / "killed", steps)
    checkpoint = tmp_path / "killed" / "toy.pt"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "toy.safetensors").exists()
    assert start(tmp_path / "killed", steps).wait() == 0
    whole, resumed = (tmp_path / name / "toy.safetensors" for name in ("whole", "killed"))
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_others_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    first, second = (
        start(tmp_path, 100_000, stderr=subprocess.PIPE, RANK=str(rank), **shared)
        for rank in range(2)
    )
    while not (tmp_path / "toy.pt").exists() and first.poll() is None:
        time.sleep(0.005)
    second.kill()
    _, said = first.communicate()
    assert first.returncode == 1
    last = said.decode().splitlines()[-1]
    assert f"{tmp_path / 'toy.pt'}: another process of the training ended" in last
    second.communicate()


def test_only_a_lost_process_counts_as_one() -> None:
    assert lost_contact(RuntimeError("[third_party/gloo/gloo/transport/tcp/pair.cc:553] closed"))
    assert lost_contact(torch.distributed.DistBackendError("NCCL timeout"))
    assert not lost_contact(RuntimeError("out of memory"))
    assert not lost_contact(TrainingError("loss is nan at step 1, on crops of gloo/a.png"))


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    workers = Workers(1, 3, torch.device("cpu"))
    assert list(workers.share(6)) == [1, 4]
    with pytest.raises(TrainingError, match="a batch of 4 cannot be shared by 3 processes"):
        workers.share(toy(1).train.batch)
