"""From an entry of the configuration to a method, in this process or a fresh one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from baselines.base import Method
from l3c.arithmetic import Kind
from l3c.tile_coding import Choice


@dataclass(frozen=True)
class MethodSource:
    """How to make a method; unlike the method itself it can be handed to another process.

    Attributes:
        key: the method's key in rows and file names.
        entry: key of a classical codec, or path of a user's Python file.
        name: label of a learned method; "" for the others, which bring theirs.
        weights: of a learned method, None for the others.
        arithmetic: of a learned method; None for integers where the model has them.
        device: of a learned method, "cpu" or "cuda".
        choice: of a learned method, what codes a tile.
    """

    key: str
    entry: str
    name: str = ""
    weights: Path | None = None
    arithmetic: Kind | None = None
    device: str = "cpu"
    choice: Choice = Choice.NETWORK

    def load(self) -> Method:
        """Makes the method. Only a learned one imports PyTorch.

        Raises:
            ValueError: the key, the file or the weights are not usable; the message names them.
        """
        if self.weights is not None:
            from l3c.bench.measure.learned import LearnedMethod

            how = self.arithmetic, self.device, self.choice
            return LearnedMethod(self.key, self.name, self.weights, *how)
        from baselines.registry import get_method

        return get_method(self.entry)
