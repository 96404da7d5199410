from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FIT_BLOCK: int

def sha256(data: bytes) -> bytes: ...
def use_variant(wanted: int = -1) -> int: ...

class Network:
    def __init__(
        self, layers: Sequence[tuple[Any, Any, Any, int, int, int]], mixtures: int
    ) -> None: ...
    def parameters(
        self,
        pixels: npt.NDArray[np.uint8],
        bias: npt.NDArray[np.int32],
        out: npt.NDArray[np.int32],
    ) -> None: ...
    def encode(
        self,
        pixels: npt.NDArray[np.uint8],
        bias: npt.NDArray[np.int32],
        lanes: int,
        out: npt.NDArray[np.uint8],
        sizes: npt.NDArray[np.uintp],
    ) -> None: ...
    def decode(
        self,
        data: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
        bias: npt.NDArray[np.int32],
        lanes: int,
        pixels: npt.NDArray[np.uint8],
    ) -> None: ...
    def sample(
        self,
        pixels: npt.NDArray[np.uint8],
        places: npt.NDArray[np.int64],
        outputs: npt.NDArray[np.int32],
        med: npt.NDArray[np.int16],
        x: npt.NDArray[np.uint8],
    ) -> None: ...

def fit(
    outputs: npt.NDArray[np.int32],
    med: npt.NDArray[np.int16],
    x: npt.NDArray[np.uint8],
    work: npt.NDArray[np.float32],
    bias: npt.NDArray[np.int8],
) -> float: ...
def loss(
    params: npt.NDArray[np.float32],
    med: npt.NDArray[np.int16],
    x: npt.NDArray[np.uint8],
    gradient: npt.NDArray[np.float32],
) -> float: ...
def crop_inputs(
    crops: npt.NDArray[np.uint8],
    inputs: npt.NDArray[np.int16],
    med: npt.NDArray[np.int16],
    x: npt.NDArray[np.uint8],
) -> None: ...
