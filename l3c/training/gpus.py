"""One training to a GPU: a process claims a free one of this machine, or waits until one is free.

The claim is a lock on a file, which the system releases when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from l3c.training.errors import TrainingError

WAIT_S = 5.0  # between two looks for a free one


@contextmanager
def claim_gpu(folder: Path | None = None) -> Iterator[int]:
    """Index of a CUDA device that no other training has claimed, ours until the end.

    Waits where all are claimed, and says so. Under torchrun, and where CUDA_VISIBLE_DEVICES names
    a single device, whoever started the process has chosen; the lock is still taken.

    Args:
        folder: of the lock files, by default one that all processes of the user share.

    Raises:
        TrainingError: no GPU.
    """
    count = torch.cuda.device_count()
    if not count:
        raise TrainingError(
            "device: cuda, but PyTorch finds no GPU here; set device: cpu in the configuration, "
            "or install a PyTorch with CUDA"
        )
    folder = folder or Path(tempfile.gettempdir()) / f"l3c-gpus-{os.getuid()}"
    folder.mkdir(parents=True, exist_ok=True)
    local = os.environ.get("LOCAL_RANK")
    wanted = range(count) if local is None else [int(local)]
    waits = False
    while (claim := _first_free(wanted, folder)) is None:
        if not waits:
            print(
                f"other trainings use all GPUs ({len(wanted)}); waiting until one ends; with "
                f"--resources gpu={count} Snakemake starts no more than {count} at a time",
                file=sys.stderr,
            )
        waits = True
        time.sleep(WAIT_S)
    index, lock = claim
    try:
        yield index
    finally:
        os.close(lock)  # releases it


def _first_free(wanted: Iterable[int], folder: Path) -> tuple[int, int] | None:
    """A device and the open file whose lock is its claim; None where all are claimed."""
    for index in wanted:
        lock = os.open(folder / _name(index), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return index, lock
        except BlockingIOError:
            os.close(lock)
    return None


def _name(index: int) -> str:
    """Of a device, the same in every process, whatever CUDA_VISIBLE_DEVICES makes of indices."""
    return f"{torch.cuda.get_device_properties(index).uuid}.lock"
