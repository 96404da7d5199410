"""How many CPU threads numerical libraries and PyTorch compute with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def limit_threads(threads: int) -> None:
    """Tells PyTorch, and numerical libraries that are not imported yet, how many to use."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


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
