"""The coder's grids (coder/CDF.md, Sec. 1), with means as narrow as integer networks need them."""

from __future__ import annotations

from coder import tables
from coder.shape import MixtureShape

MU_LIMIT = (1 << 17) - 1  # 512 symbols: products with lambda fit 32 bits, see `path.uncentre`


def parameter_grids(shape: MixtureShape) -> tables.Grids:
    """Of each parameter of a mixture: fractional bits, smallest and largest integer, (P,)."""
    grids = tables.parameter_grids(shape)
    means = slice(shape.channels * shape.mixtures, 2 * shape.channels * shape.mixtures)
    grids.low[means], grids.high[means] = -MU_LIMIT, MU_LIMIT
    return grids
