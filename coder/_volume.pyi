from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

def use_avx2(wanted: int = -1) -> bool: ...

class Network:
    def __init__(
        self,
        first: npt.NDArray[np.int32],
        weights: Sequence[Any],
        bias: Sequence[Any],
        shift: Sequence[Any],
        top: int,
        exp: npt.NDArray[np.int32],
    ) -> None: ...
    def encode(self, symbols: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> int: ...
    def decode(self, data: bytes, symbols: npt.NDArray[np.uint8]) -> bool: ...
    def logits(self, symbols: npt.NDArray[np.uint8], out: npt.NDArray[np.int32]) -> None: ...
