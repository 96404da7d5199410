"""How the numbers behind a file were computed, as its container stores it (FORMAT.md)."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

Kind = Literal["integer", "float"]
"""Where a caller gives None instead: "integer" with a model that has integers, else "float"."""
KINDS: tuple[Kind, ...] = ("integer", "float")


class Arithmetic(IntEnum):
    """Of the network's decoder path.

    Integers are the same everywhere. Floating point is not: such a file is decoded on the kind of
    device that wrote it where there is one.
    """

    NONE = 0
    FLOAT_CPU = 1
    FLOAT_CUDA = 2
    INTEGER = 3
    CAUSAL = 4

    @property
    def text(self) -> str:
        """For people."""
        texts = ("no network", "float32 on cpu", "float32 on cuda", "integer", "integer, causal")
        return texts[self]

    @property
    def kind(self) -> Kind:
        """The setting of an encoder that gives it."""
        return "integer" if self in (Arithmetic.INTEGER, Arithmetic.CAUSAL) else "float"


def floating(device: str) -> Arithmetic:
    """Floating point on a device, cpu or cuda."""
    return Arithmetic.FLOAT_CUDA if device == "cuda" else Arithmetic.FLOAT_CPU
