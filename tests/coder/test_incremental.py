"""Many calls on one stream: equal to one call and to the reference, hostile bytes, misuse."""

import contextlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixture_samples import SHAPES, TOTAL, Z, random_cdfs, sample

import coder
from coder import CorruptStreamError, RangeDecoder, RangeEncoder, StreamEndedError, reference


class Call(NamedTuple):
    """Symbols; "", "_mixture" or "_uniform"; what both methods of that name get, or one alone."""

    symbols: np.ndarray
    name: str
    given: tuple[Any, ...]
    of_decoder: dict[str, Any]
    intervals: Iterable[tuple[int, int]]  # for the reference, once

    def encode(self, encoder, symbols):
        getattr(encoder, f"encode{self.name}")(symbols, *self.given)

    def decode(self, decoder):
        return getattr(decoder, f"decode{self.name}")(*self.given, **self.of_decoder)


def make(kind, count, seed):
    rng = np.random.default_rng(seed)
    if kind == "uniform":
        levels = int(rng.choice([1, 2, 5, 25, 256, 65_535, 65_536]))
        symbols = rng.integers(0, levels, count)
        cuts = [(v * TOTAL // levels, (v + 1) * TOTAL // levels) for v in symbols.tolist()]
        return Call(symbols, "_uniform", (levels,), {"count": count}, cuts)
    if kind == "mixture":
        shape = SHAPES[rng.integers(5)]
        parameters, symbols = sample(shape, count, seed)
        cuts = (
            (mixture.cdf(v), mixture.cdf(v + 1))
            for x, row in zip(symbols.tolist(), parameters, strict=True)
            for c, v in enumerate(x)
            for mixture in [reference.Pixel(row, shape).mixture(c, x[:c])]
        )
        return Call(symbols, "_mixture", (parameters, shape), {}, cuts)
    levels = int(rng.integers(1, 40))
    symbols = rng.integers(0, levels, count)
    cdf = random_cdfs(rng, {"one": 1, "rows": 3}.get(kind, count), levels)
    rows = rng.integers(0, 3, count) if kind == "rows" else None
    each = cdf.repeat(count, 0) if kind == "one" else cdf if rows is None else cdf[rows]
    cuts = [(int(row[v]), int(row[v + 1])) for row, v in zip(each, symbols, strict=True)]
    if kind == "one":
        return Call(symbols, "", (cdf[0],), {"count": count}, cuts)
    return Call(symbols, "", (cdf, rows), {}, cuts)


calls = st.lists(
    st.builds(
        make,
        st.sampled_from(["uniform", "mixture", "one", "rows", "each"]),
        st.integers(0, 9),
        st.integers(0, 2**32),
    ),
    max_size=6,
)


def encode(made, symbols):
    encoder = RangeEncoder()
    for call, values in zip(made, symbols, strict=True):
        call.encode(encoder, values)
    return encoder.finish()


@settings(max_examples=80, deadline=None)
@given(calls)
def test_mixed_calls_are_the_reference_s_bytes_and_decode(made):
    data = encode(made, [call.symbols for call in made])
    plain = reference.RangeEncoder()
    for call in made:
        for start, end in call.intervals:
            plain.encode(start, end)
    assert data == plain.finish()
    decoder = RangeDecoder(data)
    for call in made:
        symbols = call.decode(decoder)
        assert symbols.dtype == np.uint16
        assert symbols.shape == call.symbols.shape
        assert (symbols == call.symbols).all()
    decoder.finish()


@settings(max_examples=100, deadline=None)
@given(calls, st.binary(max_size=40) | st.just(b"\xff" * 9), st.data())
def test_any_bytes_are_symbols_and_finish_tells_an_encoder_s(made, noise, draw):
    stream = encode(made, [call.symbols for call in made])
    cut = draw.draw(st.integers(0, len(stream)))
    data = draw.draw(st.sampled_from([noise, stream[:cut], stream + noise, stream[:cut] + noise]))
    read = made[: draw.draw(st.integers(0, len(made)))]  # symbols may be left
    try:
        decoder = RangeDecoder(bytearray(data))
    except CorruptStreamError:
        assert data[:8] == b"\xff" * 8
        return
    symbols = [call.decode(decoder) for call in read]
    again = encode(read, symbols)  # raises if one is not below its levels
    if again == data:
        decoder.finish()
    else:
        with pytest.raises(CorruptStreamError):
            decoder.finish()


@pytest.mark.parametrize("make", [RangeEncoder, lambda: RangeDecoder(b"abc")])
def test_an_ended_stream_is_not_used_again(make):
    coder = make()
    with contextlib.suppress(CorruptStreamError):
        coder.finish()
    parameters, symbols = sample(Z, 2)
    cdf = np.array([0, 5, TOTAL])
    uses = [lambda: coder.decode(cdf), lambda: coder.decode_mixture(parameters, Z)]
    uses += [lambda: coder.decode_uniform(25), coder.finish]
    if isinstance(coder, RangeEncoder):
        uses = [lambda: coder.encode(1, cdf), lambda: coder.encode_mixture(symbols, parameters, Z)]
        uses += [lambda: coder.encode_uniform(3, 25), coder.finish]
    for use in uses:
        with pytest.raises(StreamEndedError):
            use()


def test_wrong_arguments_leave_the_stream_as_it_was():
    cdf = np.array([0, 5, TOTAL])
    parameters, symbols = sample(Z, 2)
    encoder = RangeEncoder()
    encoder.encode([0, 1], cdf)
    wrong = [
        lambda: encoder.encode([0, 2], cdf),
        lambda: encoder.encode([0, 1, 0], [cdf, cdf]),
        lambda: encoder.encode([[0, 1]], cdf),
        lambda: encoder.encode([0, 1], [cdf, cdf], [0, 2]),
        lambda: encoder.encode_mixture(symbols[0], parameters, Z),
        lambda: encoder.encode_mixture(symbols + 25, parameters, Z),
        lambda: encoder.encode_uniform(25, 25),
        lambda: encoder.encode_uniform(0, (1 << 16) + 1),
    ]
    for use in wrong:
        with pytest.raises((ValueError, TypeError)):
            use()
    data = encoder.finish()
    assert data == coder.encode([0, 1], [cdf, cdf])
    decoder = RangeDecoder(data)
    for misuse in (
        lambda: decoder.decode([cdf, cdf], count=2),
        lambda: decoder.decode(cdf, count=-1),
        lambda: decoder.decode_uniform(0),
        lambda: decoder.decode_mixture(parameters[:, 1:], Z),
    ):
        with pytest.raises(ValueError):
            misuse()
    assert (decoder.decode([cdf, cdf]) == [0, 1]).all()
    decoder.finish()
    with pytest.raises(TypeError):
        RangeDecoder(5)


def test_errors_found_while_coding_end_the_stream():
    parameters, symbols = sample(Z, 2)
    parameters[1, 3] = np.nan
    high = np.array([0, TOTAL + 1, TOTAL], np.uint32)
    for stream, use in (
        (RangeEncoder(), lambda e: e.encode_mixture(symbols, parameters, Z)),
        (RangeEncoder(), lambda e: e.encode([0], np.array([0, 0, TOTAL]), check=False)),
        (RangeDecoder(b""), lambda d: d.decode_mixture(parameters, Z)),
        (RangeDecoder(b""), lambda d: d.decode(high, check=False)),
    ):
        with pytest.raises(ValueError):
            use(stream)
        with pytest.raises(StreamEndedError):
            stream.finish()


def test_threads_take_turns_at_a_stream():
    encoder = RangeEncoder()

    def work(value):
        for count in (1, 2000, 3):  # below and above what releases the GIL
            for _ in range(20):
                encoder.encode_uniform(np.full(count, value), 4)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    decoder = RangeDecoder(encoder.finish())
    found = decoder.decode_uniform(4, 4 * 20 * 2004)
    decoder.finish()
    assert np.bincount(found).tolist() == [20 * 2004] * 4
