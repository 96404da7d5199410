"""Speed of the coder over a grid of sizes; run `make bench` or `pytest benchmarks`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.data import Sample, rgb_shape, synthetic
from benchmarks.methods import OursTables
from coder import (
    MixtureShape,
    RangeDecoder,
    RangeEncoder,
    decode,
    decode_mixture,
    encode,
    encode_mixture,
)

SIDES = [64, 256, 512]
SHAPES = {
    "rgb-K5-L256": rgb_shape(5),
    "rgb-K10-L256": rgb_shape(10),
    "z-K10-L25": MixtureShape(channels=5, levels=25, mixtures=10),
    "grey16-K10-L65535": MixtureShape(channels=1, levels=65_535, mixtures=10),
}


@pytest.fixture(scope="module", params=list(SHAPES))
def shape(request: pytest.FixtureRequest) -> MixtureShape:
    return SHAPES[request.param]


@pytest.fixture(scope="module", params=SIDES, ids=lambda side: f"{side}x{side}")
def sample(shape: MixtureShape, request: pytest.FixtureRequest) -> Sample:
    return synthetic(request.param, request.param, shape)


@pytest.mark.parametrize("threads", [1, 2])
def test_encode_mixture(benchmark: Any, sample: Sample, threads: int) -> None:
    benchmark.extra_info["symbols"] = sample.symbols.size
    data = benchmark(encode_mixture, sample.symbols, sample.parameters, sample.shape, threads)
    found = decode_mixture(data, sample.parameters, sample.shape)
    assert (found == sample.symbols).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_decode_mixture(benchmark: Any, sample: Sample, threads: int) -> None:
    benchmark.extra_info["symbols"] = sample.symbols.size
    data = encode_mixture(sample.symbols, sample.parameters, sample.shape)
    found = benchmark(decode_mixture, data, sample.parameters, sample.shape, threads)
    assert (found == sample.symbols).all()


@pytest.mark.parametrize("lanes", [1, 2, 8, 32, 64, 256])
def test_lanes(benchmark: Any, lanes: int) -> None:
    """Decoding 256x256 pixels, had the format so many lanes; below 8, vectors are not full."""
    sample = synthetic(256, 256, rgb_shape(10))
    given = sample.parameters, sample.shape, 1, lanes
    data = encode_mixture(sample.symbols, *given)
    benchmark.extra_info.update(symbols=sample.symbols.size, num_bytes=len(data))
    assert (benchmark(decode_mixture, data, *given) == sample.symbols).all()


@pytest.mark.parametrize("check", [False, True], ids=["unchecked", "checked"])
def test_tables(benchmark: Any, check: bool) -> None:
    """Encoding and decoding on one given table a symbol."""
    coding = OursTables(synthetic(128, 128, rgb_shape(5)))

    def round_trip() -> np.ndarray:
        data = encode(coding.symbols, coding.cdf, threads=1, check=check)
        return decode(data, coding.cdf, threads=1, check=check)

    assert (benchmark(round_trip) == coding.symbols).all()


CALLS = [1, 64, 4096, 0]  # symbols of a call; 0: the one-call form in one lane
GREY = MixtureShape(channels=1, levels=256, mixtures=10)


@pytest.mark.parametrize("kind", ["mixture", "tables", "uniform"])
@pytest.mark.parametrize("call", CALLS)
def test_incremental(benchmark: Any, kind: str, call: int) -> None:
    """Encoding and decoding 16,384 symbols, by calls for so many."""
    sample = synthetic(128, 128, GREY)
    symbols, parameters = sample.symbols, sample.parameters
    count = len(symbols)
    edges = np.arange(257, dtype=np.uint32) << 16
    rows = np.zeros(count, np.int64)
    parts = [slice(i, i + call) for i in range(0, count, call)] if call else []

    def one_call() -> np.ndarray:
        if kind == "mixture":
            data = encode_mixture(symbols, parameters, GREY, lanes=1)
            return decode_mixture(data, parameters, GREY, lanes=1)
        data = encode(symbols[:, 0], edges[None], rows, lanes=1)
        return decode(data, edges[None], rows, lanes=1)

    def many_calls() -> np.ndarray:
        encoder = RangeEncoder()
        for part in parts:
            if kind == "mixture":
                encoder.encode_mixture(symbols[part], parameters[part], GREY)
            elif kind == "tables":
                encoder.encode(symbols[part, 0], edges)
            else:
                encoder.encode_uniform(symbols[part, 0], 256)
        decoder, found = RangeDecoder(encoder.finish()), []
        for part in parts:
            if kind == "mixture":
                found.append(decoder.decode_mixture(parameters[part], GREY))
            elif kind == "tables":
                found.append(decoder.decode(edges, count=call))
            else:
                found.append(decoder.decode_uniform(256, call))
        decoder.finish()
        return np.concatenate(found)

    benchmark.extra_info["symbols"] = 2 * count
    found = benchmark(many_calls if call else one_call)
    assert (found.ravel() == symbols[:, 0]).all()
