"""What tests of the coders share: shapes of mixtures, parameters and symbols for any of them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import GOLDEN
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from coder.shape import MixtureShape

TOTAL = 1 << 24
RGB = MixtureShape(channels=3, levels=256, mixtures=4, coupled=True)
SIGMOID = MixtureShape(channels=3, levels=256, mixtures=2, coupled=True, sigmoid=True)
Z = MixtureShape(channels=5, levels=25, mixtures=3)
WIDE = MixtureShape(channels=1, levels=65_535, mixtures=2)
ONE = MixtureShape(channels=2, levels=1, mixtures=1)
MANY = MixtureShape(channels=2, levels=300, mixtures=64, coupled=True)
SHAPES = [RGB, SIGMOID, Z, WIDE, ONE, MANY]

CASES: dict[str, dict[str, Any]] = json.loads((GOLDEN / "coder.json").read_text(encoding="utf-8"))
"""The shapes of golden streams, empty for those of plain tables."""


def golden_stream(case: str) -> tuple[dict[str, np.ndarray], Path]:
    """What both sides of a golden stream know, with the symbols; and the stream's file."""
    with np.load(GOLDEN / f"coder-{case}.npz") as stored:
        return dict(stored), GOLDEN / f"coder-{case}.bin"


def each_variant(use: Callable[..., Any], variants: Sequence[Any]) -> Any:
    """A fixture: tests run once for each instruction set that the processor has."""

    @pytest.fixture(scope="module", params=variants, ids=str)
    def variant(request):
        before = use()
        if use(request.param) == request.param:
            yield
        else:
            pytest.skip(f"this processor has no variant {request.param}")
        use(before)

    return variant


def sample(shape: MixtureShape, pixels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Plausible parameters, float32, and symbols that follow them roughly, int64."""
    rng = np.random.default_rng(seed)
    c, k, levels = shape.channels, shape.mixtures, shape.levels
    mu = rng.uniform(0, levels, (pixels, c, 1)) + rng.normal(0, 3, (pixels, c, k))
    lam = rng.normal(0, 0.3, (pixels, shape.coefficients, k))
    parts = [rng.normal(0, 2, (pixels, c, k)), mu, rng.normal(0.5, 1.5, (pixels, c, k)), lam]
    parameters = np.concatenate(parts, axis=1).reshape(pixels, shape.parameters)
    symbols = np.rint(mu[..., 0] + rng.logistic(0, 2, (pixels, c)))
    return parameters.astype(np.float32), np.clip(symbols, 0, levels - 1).astype(np.int64)


def random_cdfs(rng: np.random.Generator, rows: int, levels: int) -> np.ndarray:
    """Strictly increasing, int64 (rows, levels + 1)."""
    inner = [np.sort(rng.choice(TOTAL - 1, levels - 1, replace=False)) + 1 for _ in range(rows)]
    cdf = np.reshape(inner, (rows, levels - 1)).astype(np.int64)
    return np.pad(cdf, ((0, 0), (1, 1)), constant_values=((0, 0), (0, TOTAL)))


@st.composite
def any_samples(draw: st.DrawFn, most: int = 6) -> tuple[np.ndarray, np.ndarray, MixtureShape]:
    """Any finite parameters, or any integers for those on the grids; any symbols; their shape."""
    few, some = st.integers(1, 5), st.sampled_from([1, 2, 3, 4, 5, 10])
    levels = st.sampled_from([1, 2, 25, 256, 300])
    shape = draw(st.builds(MixtureShape, few, levels, some, st.booleans(), st.booleans()))
    pixels = draw(st.integers(1, most))
    real = st.floats(width=32, allow_nan=False, allow_infinity=False)
    whole = st.integers(-(2**31), 2**31 - 1)
    kind, elements = draw(st.sampled_from([(np.float32, real), (np.int32, whole)]))
    parameters = draw(hnp.arrays(kind, (pixels, shape.parameters), elements=elements))
    below = st.integers(0, shape.levels - 1)
    symbols = draw(hnp.arrays(np.int64, (pixels, shape.channels), elements=below))
    return parameters, symbols, shape


def spoiled(array: np.ndarray, place: tuple[int, int], value: float) -> np.ndarray:
    array = array.copy()
    array[place] = value
    return array


PARAMETERS, SYMBOLS = sample(Z, 4)
WRONG = [  # symbols and parameters that Z cannot have, and how the element is named
    (spoiled(SYMBOLS, (2, 3), 25), PARAMETERS, r"at \(2, 3\)"),
    (spoiled(SYMBOLS, (2, 3), -1), PARAMETERS, r"at \(2, 3\)"),
    (spoiled(SYMBOLS, (2, 3), 2**32), PARAMETERS, r"at \(2, 3\)"),
    (SYMBOLS, spoiled(PARAMETERS, (1, 7), np.nan), "parameter 7 of pixel 1"),
    (SYMBOLS, spoiled(PARAMETERS, (3, 2), np.inf), "parameter 2 of pixel 3"),
    (SYMBOLS, PARAMETERS.astype(np.float64), "float64"),
    (SYMBOLS.astype(np.float32), PARAMETERS, "float32"),
    (SYMBOLS, PARAMETERS[:, 1:], r"\(4, 44\)"),
    (SYMBOLS[1:], PARAMETERS, r"\(3, 5\)"),
]
