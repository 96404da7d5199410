"""One process, or several under torchrun that share the work of each step.

Each process computes the loss of its part of the batch; DistributedDataParallel averages the
gradients, so that all take the same step. The batch, and with it the training, is the same for any
number of processes, but for the order in which gradients are added.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from l3c.models.base import Model
from l3c.training.errors import TrainingError


@dataclass(frozen=True)
class Workers:
    """The processes of a training, as one of them sees them.

    Attributes:
        rank: of this process, 0..size - 1; rank 0 writes files and reports.
        size: how many there are.
        device: of this process.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def main(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def share(self, batch: int) -> range:
        """Which of the images of a batch are this process's.

        Raises:
            TrainingError: the batch cannot be shared evenly.
        """
        if batch % self.size:
            raise TrainingError(
                f"a batch of {batch} cannot be shared by {self.size} processes: take a number of "
                "processes that divides train.batch"
            )
        return range(self.rank, batch, self.size)

    def loss_of(self, model: Model) -> nn.Module:
        """A module that maps a batch to its loss in bits, whose gradients are averaged."""
        loss = _Loss(model)
        if self.size == 1:
            return loss
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(loss, device_ids=devices)

    def mean(self, value: Tensor) -> float:
        """The mean of a number of each process."""
        if self.size > 1:
            value = value.clone()
            distributed.all_reduce(value)
        return float(value) / self.size

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            distributed.barrier()


class _Loss(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Loss of uint8 images (N, 3, H, W) over their sub-pixels, in bits."""
        return torch.stack([*self.model.loss(images).values()]).sum() / images.numel()


def lost_contact(error: RuntimeError) -> bool:
    """Whether an error means that another process of the training is not there any more."""
    told = not isinstance(error, TrainingError)  # a RuntimeError too, whatever its files are called
    return told and (isinstance(error, distributed.DistError) or "gloo/" in str(error))


@contextmanager
def join(device: str, checkpoint: Path) -> Iterator[Workers]:
    """The processes that torchrun started, or this one alone.

    Args:
        device: "cpu", or "cuda": the GPU that torchrun gives to a process, else the first one.
        checkpoint: from which the training can go on.

    Raises:
        TrainingError: no GPU, or another process of the training ended.
    """
    place = torch.device(device)
    if device == "cuda":
        if not torch.cuda.is_available():
            raise TrainingError(
                "device: cuda, but PyTorch finds no GPU here; set device: cpu, or install a "
                "PyTorch with CUDA"
            )
        place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(place)
    if "RANK" not in os.environ:
        yield Workers(0, 1, place)
        return
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield Workers(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), place)
    except RuntimeError as error:
        if not lost_contact(error):
            raise
        raise TrainingError(
            f"{checkpoint}: another process of the training ended, see what it said; the same "
            "command goes on from this checkpoint"
        ) from error
    finally:
        distributed.destroy_process_group()
