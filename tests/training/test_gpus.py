"""Claims of GPUs: one process each, given back at the end, and errors that say what to do."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from l3c.training import gpus
from l3c.training.errors import TrainingError
from l3c.training.gpus import claim_gpu


@pytest.fixture(autouse=True)
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"GPU-{index}")
    )
    monkeypatch.delenv("LOCAL_RANK", raising=False)


def test_each_process_gets_a_gpu_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(claim_gpu(tmp_path)) for _ in range(2))
        assert (first, second) == (0, 1)
        looks = []

        def sleep(seconds: float) -> None:
            looks.append(seconds)
            if len(looks) == 2:
                stack.close()  # the other trainings end

        monkeypatch.setattr(gpus.time, "sleep", sleep)
        with claim_gpu(tmp_path) as third:
            assert third == 0
    assert looks == [gpus.WAIT_S] * 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "waiting until one ends; with --resources gpu=2" in line


def test_torchrun_has_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with claim_gpu(tmp_path) as index:
        assert index == 1


def test_no_gpu_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(TrainingError, match=r"no GPU here; set device: cpu"), claim_gpu():
        pass
