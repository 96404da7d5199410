"""One call for all symbols: round trips, the reference's bytes, size, hostile bytes, errors.

Golden streams are bytes written once, which every later version must decode, and write again:
`tests/data/golden/coder-<case>.npz` holds what both sides know and the symbols, `coder-<case>.bin`
the stream, and coder.json the shapes. If a test of them fails, the change breaks every stream
written so far: undo it, or make it a new format version beside the old one (FORMAT.md). A new case
is a line of coder.json with its npz.
"""

import contextlib
import time
import tracemalloc

import numpy as np
import pytest
import torch
from golden import stems, writes
from hypothesis import given, settings
from hypothesis import strategies as st
from mixture_samples import (
    CASES,
    PARAMETERS,
    SHAPES,
    SYMBOLS,
    TOTAL,
    WRONG,
    Z,
    any_samples,
    each_variant,
    golden_stream,
    random_cdfs,
    sample,
)

import coder
from benchmarks.data import rgb_shape, synthetic
from benchmarks.rate import rate_cost
from coder import _range_coder, incremental, range_coder, reference
from coder.errors import CorruptStreamError
from coder.range_coder import decode, decode_mixture, encode, encode_mixture, mixture_cdf
from coder.shape import MixtureShape, lane_count


def agree(parameters, symbols, shape):
    """Asserts that coder and reference write the same bytes and read them; returns them."""
    data = encode_mixture(symbols, parameters, shape)
    assert data == reference.encode_mixture(symbols, parameters, shape)
    assert (decode_mixture(data, parameters, shape) == symbols).all()
    return data


variant = each_variant(_range_coder.use_variant, [0, 1])


def test_examples_of_the_docstrings_run():
    shape = MixtureShape(channels=3, levels=256, mixtures=10, coupled=True)
    parameters, symbols = sample(shape, 100)
    names = {"coder": coder, "np": np, "shape": shape, "symbols": symbols, "first": symbols[0, 0]}
    names |= {"parameters": parameters, "predict": lambda before: parameters[len(before)]}
    for module in (coder, range_coder, incremental):
        lines = [line[4:] for line in module.__doc__.splitlines() if line.startswith("    ")]
        exec("\n".join(lines), vars(module) | names)


# Under mixtures.


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("shape", SHAPES)
def test_reference_and_compiled_coder_give_the_same_bytes(shape):
    for pixels in (0, 1, 2, 9, 130):
        parameters, symbols = sample(shape, pixels)
        data = agree(parameters, symbols, shape)
        assert (reference.decode_mixture(data, parameters, shape) == symbols).all()


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("lanes", [2, 7, 8, 21])
def test_lanes_are_those_of_the_format_and_do_not_depend_on_threads(lanes, monkeypatch):
    assert [lane_count(pixels) for pixels in (1, 8191, 8192, 8 * 4096 + 5)] == [1, 1, 2, 8]
    parameters, symbols = sample(Z, 150)
    monkeypatch.setattr(reference, "lane_count", lambda pixels: lanes)
    expected = reference.encode_mixture(symbols, parameters, Z)
    for threads in (1, 2, 3):
        assert encode_mixture(symbols, parameters, Z, threads, lanes) == expected
        assert (decode_mixture(expected, parameters, Z, threads, lanes) == symbols).all()


@pytest.mark.usefixtures("variant")
@settings(max_examples=80, deadline=None)
@given(any_samples(), st.binary(max_size=60))
def test_any_parameters_have_increasing_cdfs_and_code_any_symbols(made, junk):
    parameters, symbols, shape = made
    agree(parameters, symbols, shape)
    found = decode_mixture(junk, parameters, shape)
    assert (found == reference.decode_mixture(junk, parameters, shape)).all()
    for channel in range(shape.channels):
        cdf = mixture_cdf(parameters, shape, channel, symbols).astype(np.int64)
        assert (cdf[:, 0] == 0).all()
        assert (cdf[:, -1] == TOTAL).all()
        assert (np.diff(cdf) >= 1).all()
        pixel = reference.Pixel(parameters[0], shape)
        mixture = pixel.mixture(channel, symbols[0, :channel].tolist())
        assert cdf[0].tolist() == [mixture.cdf(v) for v in range(shape.levels + 1)]


def test_coded_size_is_close_to_the_float_cross_entropy():
    cost = rate_cost(synthetic(150, 150, rgb_shape(4)))
    assert abs(cost.cost) < 0.05  # per cent
    assert (cost.lanes, 0 <= cost.lanes_cost < 0.02) == (4, True)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("log_sigma", [None, 0])
def test_means_pushed_as_far_as_they_go(sign, log_sigma):
    # 31 coupled channels and the largest alphabet: the sum of all lambda x just fits 32 bits
    shape = MixtureShape(channels=31, levels=65_535, mixtures=1, coupled=True)
    parameters = np.full((1, shape.parameters), sign * (2**31 - 1), np.int32)
    if log_sigma is not None:
        parameters[:, 62:93] = log_sigma
    symbols = np.full((1, 31), 65_534)
    agree(parameters, symbols, shape)
    assert (np.diff(mixture_cdf(parameters, shape, 30, symbols).astype(np.int64)) >= 1).all()


# On given CDFs.


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 2**32))
def test_tables_code_as_the_reference(levels, count, seed):
    rng = np.random.default_rng(seed)
    cdf, symbols = random_cdfs(rng, count, levels), rng.integers(0, levels, count)
    data = encode(symbols, cdf)
    assert data == reference.encode(symbols, cdf)
    assert (decode(data, cdf) == symbols).all()


@pytest.mark.parametrize("levels", [1, 2, 255, 65_535])
def test_shared_rows(levels):
    rng = np.random.default_rng(levels)
    cdf = random_cdfs(rng, 3, levels)
    rows, symbols = rng.integers(0, 3, 20_000), rng.integers(0, levels, 20_000)
    data = encode(symbols, cdf, rows)
    assert (decode(data, cdf, rows) == symbols).all()
    frequency = cdf[rows, symbols + 1] - cdf[rows, symbols]
    assert len(data) <= 1.0005 * -np.log2(frequency / TOTAL).sum() / 8 + 24  # four lanes


def test_runs_of_carries():
    # the most probable symbol at the top of the interval keeps low near 2^64, where carries run far
    cdf, rows = np.array([[0, 1, TOTAL]]), np.zeros(5000, np.int64)
    symbols = np.ones(5000, np.int64)
    symbols[[2000, 4999]] = 0
    data = encode(symbols, cdf, rows)
    assert data == reference.encode(symbols, cdf[rows])
    assert (decode(data, cdf, rows) == symbols).all()


def test_unchecked_tables_are_checked_where_they_are_used():
    cdf = np.array([[0, 5, TOTAL], [0, 0, TOTAL], [0, TOTAL, TOTAL]], np.uint32)
    assert encode([0], cdf, [0], check=False) == encode([0], cdf[:1])
    for symbol, row in ((0, 1), (1, 2)):
        with pytest.raises(ValueError, match=f"row {row}, of symbol 1"):
            encode([0, symbol], cdf, [0, row], check=False)
    rng = np.random.default_rng(0)
    for _ in range(50):  # any table at all, any bytes: an error or symbols
        table = rng.integers(0, 2**32, (20, 9), dtype=np.uint32)
        with contextlib.suppress(ValueError):
            assert decode(rng.bytes(30), table, check=False).max() < 8


# Hostile bytes and wrong arguments.

hostile = st.one_of(
    st.binary(max_size=300),
    st.integers(0, 2**35).map(lambda n: bytes([n >> s & 127 | 128 for s in (0, 7, 14, 21)] + [15])),
    st.integers(0, 12).map(lambda n: b"\xff" * n),
)


@settings(max_examples=150, deadline=None)
@given(hostile, st.sampled_from([1, 20, 8191, 8192, 16_384]))
def test_any_bytes_are_symbols_or_corrupt_and_take_no_memory(data, pixels):
    shape = MixtureShape(channels=1, levels=25, mixtures=1)
    parameters = np.zeros((pixels, shape.parameters), np.int32)
    tracemalloc.start()
    start = time.perf_counter()
    try:
        symbols = decode_mixture(data, parameters, shape, threads=1)
        assert symbols.shape == (pixels, 1)
        assert symbols.max() < 25
    except CorruptStreamError:
        assert lane_count(pixels) > 1
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 200_000
    assert time.perf_counter() - start < 10


TENSOR = torch.from_numpy(PARAMETERS)
CDF = np.array([[0, 5, TOTAL], [0, 7, TOTAL]])
STEPS = np.arange(258, dtype=np.uint64) * TOTAL  # up by 2^24 each time, modulo 2^32


@pytest.mark.parametrize(
    ("symbols", "parameters", "named"),
    [
        *WRONG,
        (SYMBOLS, TENSOR.half(), "float16"),
        (SYMBOLS, TENSOR.clone().requires_grad_(), r"parameters\.detach\(\)"),
        (torch.empty(4, 5, device="meta"), PARAMETERS, r"symbols\.cpu\(\)"),
    ],
)
def test_wrong_arguments_of_mixtures_are_named(symbols, parameters, named):
    with pytest.raises((ValueError, TypeError), match=named):
        encode_mixture(symbols, parameters, Z)
    if "of pixel" in named:
        with pytest.raises(ValueError, match=named):
            decode_mixture(b"abc", parameters, Z)


@pytest.mark.parametrize(
    ("symbols", "cdf", "rows", "named"),
    [
        ([0, 1], CDF + np.array([[0], [1]]), None, "cdf row 1 "),
        ([0, 1], CDF // 2, None, "cdf row 0 "),
        ([0, 1], [[0, 5, TOTAL], [0, 0, TOTAL]], None, "cdf row 1 .* entry 0"),
        ([0], [[0, 5 - 2**32, TOTAL]], None, "cdf row 0 "),  # not modulo 2^32
        ([0], [[0, 5 + 2**32, TOTAL]], None, "cdf row 0 "),
        ([0], (STEPS % 2**32).astype(np.uint32)[None], None, "entry 255"),
        ([0, 1], CDF, [0, 2], "row 2 of symbol 1"),
        ([2, 1], CDF, None, r"at \(0,\)"),
        ([0, 1], CDF / TOTAL, None, "float64"),
    ],
)
def test_wrong_arguments_of_tables_are_named(symbols, cdf, rows, named):
    with pytest.raises((ValueError, TypeError), match=named):
        encode(symbols, cdf, rows)


@pytest.mark.parametrize("case", CASES)
def test_golden_streams_are_decoded_and_written_for_ever(case):
    given, file = golden_stream(case)
    symbols = given.pop("symbols")
    if CASES[case]:
        shape, parameters = MixtureShape(**CASES[case]), given["parameters"]
        if writes(file):
            file.write_bytes(reference.encode_mixture(symbols, parameters, shape))
        stream = file.read_bytes()
        assert agree(parameters, symbols, shape) == stream
    else:
        stream = file.read_bytes()
        assert (decode(stream, **given) == symbols).all()
        assert encode(symbols, **given) == stream


def test_golden_streams_are_those_listed():
    assert len(CASES) >= 9
    assert stems("coder-*.bin") == {f"coder-{case}" for case in CASES}
