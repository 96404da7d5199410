"""How many CPU threads numerical libraries and PyTorch compute with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def limit_threads(threads: int) -> None:
    """Tells numerical libraries how many threads to use; before the first of them is imported."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """PyTorch computes with this many threads inside; None changes nothing."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
