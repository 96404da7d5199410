"""How many CPU threads compute, here, in numerical libraries and in PyTorch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def limit_spinning() -> None:
    """Lets waiting threads of GNU's OpenMP sleep after a few microseconds of spinning.

    By default those of PyTorch spin for milliseconds at the end of every convolution, on cores that
    others need: coding takes up to ten times as long as soon as anything else runs
    (docs/command.md). OpenMP reads the variable once, when PyTorch is loaded. A choice of the
    user's is left alone.
    """
    if "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


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


def usable_cores() -> set[int]:
    """Numbers of the cores that this process may use; of all where the system does not tell."""
    usable = getattr(os, "sched_getaffinity", None)  # not on macOS
    return usable(0) if usable else {*range(os.cpu_count() or 1)}


def thread_count() -> int:
    """As many as PyTorch has if it is loaded, else OMP_NUM_THREADS, or one for each usable core."""
    if torch := sys.modules.get("torch"):
        return int(torch.get_num_threads())
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if limit.isdecimal() and int(limit):
        return int(limit)
    return len(usable_cores())


def in_threads(
    work: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> Iterator[Result]:
    """Results of `work`, in the order of the items; at most so many are computed at once."""
    if min(threads, len(items)) < 2:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        yield from pool.map(work, items)
