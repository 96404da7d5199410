"""Adaptive range coding of discretized logistic mixtures, and of given CDF tables.

    rng = np.random.default_rng(0)
    shape = MixtureShape(channels=3, levels=256, mixtures=10, coupled=True)
    symbols = rng.integers(0, 256, (1000, 3))
    parameters = rng.normal(size=(1000, shape.parameters)).astype(np.float32)
    data = coder.encode_mixture(symbols, parameters, shape)
    assert (coder.decode_mixture(data, parameters, shape) == symbols).all()

A model whose next prediction needs the symbols before it codes them in many calls, with
`RangeEncoder` and `RangeDecoder`.

No table of probabilities is ever built: two CDF values are computed for a symbol that is encoded,
a few more for one that is decoded, in integers, so that every machine finds the same (CDF.md). The
package needs NumPy alone; `coder.cuda` does the same on a GPU where there are torch and a device.
"""

from coder.errors import CoderError, CorruptStreamError, StreamEndedError
from coder.incremental import RangeDecoder, RangeEncoder
from coder.range_coder import decode, decode_mixture, encode, encode_mixture, mixture_cdf
from coder.shape import MixtureShape

__all__ = [
    "CoderError",
    "CorruptStreamError",
    "MixtureShape",
    "RangeDecoder",
    "RangeEncoder",
    "StreamEndedError",
    "decode",
    "decode_mixture",
    "encode",
    "encode_mixture",
    "mixture_cdf",
]
