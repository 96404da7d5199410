"""The coder's grids (coder/CDF.md, Sec. 1) for each parameter of a mixture, and where they clip."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coder import tables
from coder.shape import MixtureShape

Integers = npt.NDArray[np.int64]

MU_LIMIT = (1 << 17) - 1  # 512 symbols: products with lambda fit 32 bits, see `path.uncentre`


def parameter_grids(shape: MixtureShape) -> tuple[Integers, Integers, Integers]:
    """Of each parameter of a mixture: fractional bits, smallest and largest integer, (P,)."""
    each = shape.channels * shape.mixtures
    lam = tables.LAMBDA_RAW_LIMIT if shape.sigmoid else tables.LAMBDA_LIMIT
    kinds = [
        (each, tables.LOGIT_BITS, -tables.LOGIT_LIMIT, tables.LOGIT_LIMIT),
        (each, tables.MU_BITS, -MU_LIMIT, MU_LIMIT),
        (
            each,
            tables.LOG_SIGMA_BITS,
            tables.LOG_SIGMA_MIN << tables.LOG_SIGMA_BITS,
            tables.LOG_SIGMA_MAX << tables.LOG_SIGMA_BITS,
        ),
        (shape.coefficients * shape.mixtures, tables.LAMBDA_BITS, -lam, lam),
    ]
    bits, low, high = (
        np.concatenate([np.full(kind[0], kind[i], np.int64) for kind in kinds]) for i in (1, 2, 3)
    )
    return bits, low, high
