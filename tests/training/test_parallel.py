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
from l3c.training.errors import TrainingError
from l3c.training.parallel import Workers, join, lost_contact

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests" / "helpers" / "train_toy.py"
Process = subprocess.Popen[bytes]
STEPS = 50


def start(folder: Path, steps: int, stderr: int = subprocess.DEVNULL, **more: str) -> Process:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, str(TOY), str(folder), str(steps)]
    return subprocess.Popen(command, env=environment, stderr=stderr)


def start_two(folder: Path, steps: int, stderr: int = subprocess.DEVNULL) -> list[Process]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [start(folder, steps, stderr, RANK=str(rank), **shared) for rank in range(2)]


def wait_for_checkpoint(folder: Path, process: Process) -> None:
    while not (folder / "toy.pt").exists() and process.poll() is None:
        time.sleep(0.005)


def losses(folder: Path) -> list[float]:
    with (folder / "toy.csv").open(newline="") as file:
        return [float(row["train_bpsp"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one process that was not killed."""
    folder = tmp_path_factory.mktemp("alone")
    assert start(folder, STEPS).wait() == 0
    return folder


@pytest.mark.slow
def test_two_processes_lose_what_one_does(tmp_path: Path, alone: Path) -> None:
    assert [process.wait() for process in start_two(tmp_path, STEPS)] == [0, 0]
    one, two = losses(alone), losses(tmp_path)
    assert len(one) == STEPS
    assert two == pytest.approx(one, abs=1e-5)
    assert one[-1] < one[0]


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_weights(tmp_path: Path, alone: Path) -> None:
    process = start(tmp_path, STEPS)
    wait_for_checkpoint(tmp_path, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "toy.safetensors").exists()
    assert start(tmp_path, STEPS).wait() == 0
    whole, resumed = (folder / "toy.safetensors" for folder in (alone, tmp_path))
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_others_in_one_line(tmp_path: Path) -> None:
    first, second = start_two(tmp_path, 100_000, stderr=subprocess.PIPE)
    wait_for_checkpoint(tmp_path, first)
    second.kill()
    _, said = first.communicate()
    assert first.returncode == 1
    assert f"{tmp_path / 'toy.pt'}: another process" in said.decode().splitlines()[-1]
    second.communicate()


def test_only_a_lost_process_counts_as_one() -> None:
    assert lost_contact(RuntimeError("[third_party/gloo/gloo/transport/tcp/pair.cc:553] closed"))
    assert lost_contact(torch.distributed.DistBackendError("NCCL timeout"))
    assert not lost_contact(RuntimeError("out of memory"))
    assert not lost_contact(TrainingError("loss is nan at step 1, on crops of gloo/a.png"))


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    workers = Workers(1, 3, torch.device("cpu"))
    assert list(workers.share(6)) == [1, 4]
    with pytest.raises(TrainingError):
        workers.share(4)


@pytest.mark.slow
def test_torchrun_trains_a_recipe_on_a_store(tmp_path: Path) -> None:
    write_store(tmp_path / "store", photographs().items(), "d" * 64)
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(toy(4).model_dump(mode="json")))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command = ["l3c", "train", str(tmp_path / "store"), "-o", str(tmp_path / "toy.safetensors")]
    command += ["--recipe", str(tmp_path / "toy.yaml"), "--set", "train.batch=2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *torchrun, *command], env=environment, check=True)
    card = json.loads((tmp_path / "toy.json").read_text())
    assert (card["processes"], card["data_sha256"]) == (2, "d" * 64)
    assert (card["steps"], card["recipe"]["train"]["batch"]) == (4, 2)
    codec = open_codec(tmp_path / "toy.safetensors", "cpu")
    assert codec.identity.hex() == card["integer_identity"]
    assert len(losses(tmp_path)) == 1


def test_no_gpu_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(TrainingError, match="no GPU"), join("cuda", tmp_path):
        pass
