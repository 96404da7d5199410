"""Golden streams: bytes written once, which every later version must decode, and write again.

`tests/data/golden/coder-<case>.npz` holds what both sides know and the symbols, `coder-<case>.bin`
the stream, and coder.json the shapes. If a test here fails, the change breaks every stream written
so far: undo it, or make it a new format version beside the old one (FORMAT.md). The stream of a new
case, a line of coder.json with its npz, and no other, is written by

    L3C_WRITE_GOLDEN=1 python -m pytest tests/coder/test_golden.py
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from coder import range_coder, reference
from coder.shape import MixtureShape

GOLDEN = Path(__file__).parent.parent / "data" / "golden"
SHAPES = json.loads((GOLDEN / "coder.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", SHAPES)
def test_golden_streams_are_decoded_and_written_for_ever(case):
    with np.load(GOLDEN / f"coder-{case}.npz") as stored:
        given = dict(stored)
    symbols, written = given.pop("symbols"), GOLDEN / f"coder-{case}.bin"
    if SHAPES[case]:  # plain tables have none
        shape, parameters = MixtureShape(**SHAPES[case]), given["parameters"]
        if os.environ.get("L3C_WRITE_GOLDEN") and not written.exists():
            written.write_bytes(reference.encode_mixture(symbols, parameters, shape))
        stream = written.read_bytes()
        assert (range_coder.decode_mixture(stream, parameters, shape) == symbols).all()
        assert range_coder.encode_mixture(symbols, parameters, shape) == stream
        assert (reference.decode_mixture(stream, parameters, shape) == symbols).all()
    else:
        stream = written.read_bytes()
        assert (range_coder.decode(stream, **given) == symbols).all()
        assert range_coder.encode(symbols, **given) == stream


def test_golden_streams_are_those_listed():
    assert len(SHAPES) >= 9
    assert {path.stem for path in GOLDEN.glob("coder-*.bin")} == {f"coder-{c}" for c in SHAPES}
