"""Shapes of mixtures, and parameters with symbols for any of them; tables for the same coder."""

from types import ModuleType
from typing import Any

import numpy as np

from coder.shape import MixtureShape

TOTAL = 1 << 24
RGB = MixtureShape(channels=3, levels=256, mixtures=4, coupled=True)
SIGMOID = MixtureShape(channels=3, levels=256, mixtures=2, coupled=True, sigmoid=True)
Z = MixtureShape(channels=5, levels=25, mixtures=3)
WIDE = MixtureShape(channels=1, levels=65_535, mixtures=2)
ONE = MixtureShape(channels=2, levels=1, mixtures=1)
SHAPES = [RGB, SIGMOID, Z, WIDE, ONE]


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


def run_example(module: ModuleType, **scope: Any) -> dict[str, Any]:
    """Runs the example of a module's docstring; returns its names."""
    assert module.__doc__ is not None
    lines = [line[4:] for line in module.__doc__.splitlines() if line.startswith("    ")]
    names = vars(module) | scope
    exec("\n".join(lines), names)
    return names
