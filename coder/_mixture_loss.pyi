import numpy as np
import numpy.typing as npt

from coder.shape import MixtureShape

_F32 = npt.NDArray[np.float32]

BLOCK: int

def loss(
    shape: MixtureShape,
    centred: bool,
    units: _F32,
    outputs: _F32,
    symbols: _F32,
    by_outputs: _F32 | None,
    by_symbols: _F32 | None,
    work: _F32,
) -> float: ...
