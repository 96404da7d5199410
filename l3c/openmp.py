"""How the threads of GNU's OpenMP, which PyTorch computes with, wait for each other."""

from __future__ import annotations

import os
import sys

SPIN_COUNT = "1000"


def limit_spinning() -> None:
    """Lets waiting threads sleep after a few microseconds of spinning.

    By default they spin for milliseconds at the end of every convolution, on cores that others
    need: coding takes up to ten times as long as soon as anything else runs (docs/command.md).
    OpenMP reads the variable once, when PyTorch is loaded. A choice of the user's is left alone.
    """
    if "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
