"""The integer tables of the mixture CDF, and the grids of its parameters (see CDF.md).

Every entry is computed with `decimal`, whose operations are correctly rounded by specification, so
that all machines hold the same tables: libm's exp may differ in the last bit. The C and CUDA code
and the plain Python reference are handed these very arrays.
"""

from __future__ import annotations

import functools
import itertools
import operator
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from coder.shape import MixtureShape

# Grids: a parameter p is coded as the integer round(p * 2^bits), ties to even, clipped to +- LIMIT.
LOGIT_BITS = 6
MU_BITS = 8
LOG_SIGMA_BITS = 6
LAMBDA_BITS = 12
LOGIT_LIMIT = 1 << 20
MU_LIMIT = 1 << 26
LAMBDA_LIMIT = 1 << 14
LAMBDA_RAW_LIMIT = 1 << 16  # of the input of the sigmoid
LOG_SIGMA_MIN = -7
LOG_SIGMA_MAX = 8

FREQUENCY_BITS = 24  # a CDF runs from 0 to 2^24
SIGMOID_BITS = 24  # value of the sigmoid table at +infinity
ARGUMENT_BITS = 16  # fractional bits of the sigmoid's argument
SIGMOID_REACH = 16  # the argument is clipped to +- this
SIGMOID_STEP_BITS = 10  # table entries are 2^10 / 2^16 = 1/64 apart
WEIGHT_BITS = 16  # weight of the most probable component
EXP_ENTRIES = 1024


class Grids(NamedTuple):
    """How each parameter of a mixture is coded, int64 (P,), in the order of `MixtureShape`.

    bits: a parameter p becomes round(p * 2^bits). low, high: and is clipped to this range.
    """

    bits: npt.NDArray[np.int64]
    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]


def parameter_grids(shape: MixtureShape) -> Grids:
    """The grids of a mixture's parameters: the limits that training and coding share."""
    each = shape.channels * shape.mixtures
    sigma = [limit << LOG_SIGMA_BITS for limit in (LOG_SIGMA_MIN, LOG_SIGMA_MAX)]
    lam = LAMBDA_RAW_LIMIT if shape.sigmoid else LAMBDA_LIMIT
    kinds = [
        (each, LOGIT_BITS, -LOGIT_LIMIT, LOGIT_LIMIT),
        (each, MU_BITS, -MU_LIMIT, MU_LIMIT),
        (each, LOG_SIGMA_BITS, *sigma),
        (shape.coefficients * shape.mixtures, LAMBDA_BITS, -lam, lam),
    ]
    counts, *columns = zip(*kinds, strict=True)
    return Grids(*(np.repeat(np.array(column, np.int64), counts) for column in columns))


class Tables(NamedTuple):
    """All tables, int32.

    sigmoid: (2050,), 2^24 / (1 + exp(-t)) at t = -16, -16 + 1/64, ..., 16, the last entry twice.
    scales: (961, 2), for each log_sigma on its grid, from -7 to 8: 2^16 exp(-log_sigma), and its
    reach, the largest |x - mu| on the grid of mu for which the sigmoid's argument stays within 16.
    exp: (1024,), 2^16 exp(-d / 64), d = 0..1023.
    """

    sigmoid: npt.NDArray[np.int32]
    scales: npt.NDArray[np.int32]
    exp: npt.NDArray[np.int32]


@functools.cache
def tables() -> Tables:
    """The tables; made once, read-only."""
    with localcontext() as context:
        context.prec = 60

        def rounded(value: Decimal) -> int:
            return int(value.to_integral_value(rounding=ROUND_HALF_EVEN))

        # exp(-i / 64) serves all three tables, whose arguments are 1/64 apart. Products are a tenth
        # of the time of exp, and 1,024 of them lose four of the 60 digits.
        width = 1 << LOG_SIGMA_BITS
        assert width == 1 << LOGIT_BITS == 1 << (ARGUMENT_BITS - SIGMOID_STEP_BITS)
        steps = SIGMOID_REACH * width
        step, one = (Decimal(1) / width).exp(), Decimal(1)
        up = list(itertools.accumulate([step] * steps, operator.mul, initial=one))
        power = {i: up[-i] if i < 0 else one / up[i] for i in range(-steps, steps + 1)}
        sigmoid = [rounded((1 << SIGMOID_BITS) / (1 + each)) for each in power.values()]
        sigmoid[0], sigmoid[-1] = 0, 1 << SIGMOID_BITS
        sigmoid.append(sigmoid[-1])
        first, last = LOG_SIGMA_MIN << LOG_SIGMA_BITS, LOG_SIGMA_MAX << LOG_SIGMA_BITS
        inverse = [rounded((1 << ARGUMENT_BITS) * power[i]) for i in range(first, last + 1)]
        most = SIGMOID_REACH << (ARGUMENT_BITS + MU_BITS)
        exp = [rounded((1 << WEIGHT_BITS) * power[i]) for i in range(EXP_ENTRIES)]
    made = (sigmoid, [(i, most // i) for i in inverse], exp)
    arrays = [np.array(values, dtype=np.int32) for values in made]
    for array in arrays:
        array.setflags(write=False)
    return Tables(*arrays)
