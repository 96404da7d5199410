"""Golden streams: bytes written once, which every later version must decode, and write again.

`tests/data/golden/coder-<case>.npz` holds what both sides know and the symbols, `coder-<case>.bin`
the stream, and coder.json the shapes. If a test here fails, the change breaks every stream written
so far: undo it, or make it a new format version beside the old one (FORMAT.md). New cases, and only
those, are written by

    L3C_WRITE_GOLDEN=1 python -m pytest tests/coder/test_golden.py
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coder import range_coder, reference
from coder.shape import MixtureShape, lane_count

GOLDEN = Path(__file__).parent.parent / "data" / "golden"
SHAPES: dict[str, dict[str, Any]] = {
    "rgb-grid": {"channels": 3, "levels": 256, "mixtures": 3, "coupled": True},
    "rgb-float": {"channels": 3, "levels": 256, "mixtures": 3, "coupled": True},
    "rgb-extreme": {"channels": 3, "levels": 256, "mixtures": 2, "coupled": True},
    "sigmoid": {"channels": 3, "levels": 256, "mixtures": 2, "coupled": True, "sigmoid": True},
    "bottleneck": {"channels": 5, "levels": 25, "mixtures": 3},
    "wide": {"channels": 1, "levels": 65_535, "mixtures": 2},
    "lanes": {"channels": 1, "levels": 25, "mixtures": 1},
    "tables": {},
    "tables-rows": {},
}
Arrays = dict[str, np.ndarray]


@pytest.mark.parametrize("case", SHAPES)
def test_golden_streams_are_decoded_and_written_for_ever(case: str) -> None:
    if os.environ.get("L3C_WRITE_GOLDEN") and not (GOLDEN / f"coder-{case}.bin").exists():
        write(case)
    stream = (GOLDEN / f"coder-{case}.bin").read_bytes()
    with np.load(GOLDEN / f"coder-{case}.npz") as stored:
        given: Arrays = dict(stored)
    symbols = given.pop("symbols")
    fields = json.loads((GOLDEN / "coder.json").read_text(encoding="utf-8"))[case]
    if fields:
        shape, parameters = MixtureShape(**fields), given["parameters"]
        assert (range_coder.decode_mixture(stream, parameters, shape) == symbols).all()
        assert range_coder.encode_mixture(symbols, parameters, shape) == stream
        assert (reference.decode_mixture(stream, parameters, shape) == symbols).all()
    else:
        assert (range_coder.decode(stream, **given) == symbols).all()
        assert range_coder.encode(symbols, **given) == stream


def test_golden_streams_are_those_listed() -> None:
    listed = json.loads((GOLDEN / "coder.json").read_text(encoding="utf-8"))
    assert listed == SHAPES
    assert {path.stem for path in GOLDEN.glob("coder-*.bin")} == {f"coder-{c}" for c in SHAPES}


def write(case: str) -> None:
    """Makes a case and writes its stream with the reference coder."""
    rng = np.random.default_rng(list(case.encode()))
    fields = SHAPES[case]
    if fields:
        shape = MixtureShape(**fields)
        parameters, symbols = mixtures(case, shape, rng)
        stream = reference.encode_mixture(symbols, parameters, shape)
        given: Arrays = {"parameters": parameters}
    else:
        given, symbols = tables(case, rng)
        rows = given.get("rows", np.arange(len(symbols)))
        stream = reference.encode(symbols, given["cdf"][rows])
    GOLDEN.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN / f"coder-{case}.npz", **given, symbols=symbols)
    (GOLDEN / f"coder-{case}.bin").write_bytes(stream)
    (GOLDEN / "coder.json").write_text(json.dumps(SHAPES, indent=2) + "\n", encoding="utf-8")


def mixtures(
    case: str, shape: MixtureShape, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and symbols that follow them, but for `rgb-extreme`."""
    c, k, levels = shape.channels, shape.mixtures, shape.levels
    pixels = 4 * 4096 + 7 if case == "lanes" else 60
    different = 50 if case == "lanes" else pixels  # repeated, so that the file is small
    if case == "rgb-extreme":
        bits = rng.integers(-(2**31), 2**31, (pixels, shape.parameters))
        bits[::3] >>= 14
        bits[1::3] = rng.choice([-(2**31), -448, -1, 0, 512, 2**31 - 1], bits[1::3].shape)
        return bits.astype(np.int32), rng.integers(0, levels, (pixels, c)).astype(np.uint16)
    mu = rng.uniform(0, levels, (different, c, 1)) + rng.normal(0, 3, (different, c, k))
    sizes = [2**6, 2**8, 2**6, 2**12]
    parts = [
        rng.normal(0, 2, (different, c, k)),
        mu,
        rng.normal(0.5, 1, (different, c, k)),
        rng.normal(0, 0.3, (different, shape.coefficients, k)),
    ]
    symbols = rng.logistic(mu[np.arange(pixels) % different, :, 0], 2)
    whole = case != "rgb-float"
    made = [np.rint(p * size) if whole else p for p, size in zip(parts, sizes, strict=True)]
    flat = np.concatenate(made, axis=1).reshape(different, shape.parameters)
    parameters = flat[np.arange(pixels) % different].astype(np.int32 if whole else np.float32)
    return parameters, np.clip(np.rint(symbols), 0, levels - 1).astype(np.uint16)


def tables(case: str, rng: np.random.Generator) -> tuple[Arrays, np.ndarray]:
    rows, count, levels = (4, 8200, 10) if case == "tables-rows" else (90, 90, 6)
    cdf = np.sort(rng.choice((1 << 24) - 1, (rows, levels - 1), replace=False) + 1, axis=1)
    cdf[0] = np.arange(1, levels)  # one symbol takes nearly all: carries run far
    cdf = np.pad(cdf, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1 << 24))).astype(np.uint32)
    which = rng.integers(0, rows, count) if case == "tables-rows" else np.arange(count)
    uniform = rng.integers(0, 1 << 24, count)
    symbols = ((uniform[:, None] >= cdf[which]).sum(1) - 1).astype(np.uint16)
    given = {"cdf": cdf, "rows": which} if case == "tables-rows" else {"cdf": cdf}
    assert lane_count(count) == (2 if case == "tables-rows" else 1)
    return given, symbols
