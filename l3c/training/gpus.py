"""One training to a GPU: a process claims a free one of this machine before it starts.

The claim is a lock on a file, which the system releases when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from l3c.training.errors import TrainingError


@contextmanager
def claim_gpu(folder: Path | None = None) -> Iterator[int]:
    """Index of a CUDA device that no other training has claimed, ours until the end.

    Under torchrun, and where CUDA_VISIBLE_DEVICES names a single device, whoever started the
    process has chosen; the lock is still taken.

    Args:
        folder: of the lock files, by default one that all processes of the user share.

    Raises:
        TrainingError: no GPU, or none is free.
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
    for index in range(count) if local is None else [int(local)]:
        lock = os.open(folder / _name(index), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            yield index
        finally:
            os.close(lock)  # releases it
        return
    raise TrainingError(
        f"all {count} GPUs are in use by other trainings; give Snakemake --resources gpu={count}, "
        "so that no more start at a time"
    )


def _name(index: int) -> str:
    """Of a device, the same in every process, whatever CUDA_VISIBLE_DEVICES makes of indices."""
    return f"{torch.cuda.get_device_properties(index).uuid}.lock"
