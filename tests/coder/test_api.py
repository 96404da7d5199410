"""The package as its users meet it: names, docstring example, tensors, and both kinds of loops."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import coder
from coder import _range_coder, reference
from coder.shape import MixtureShape, lane_count

SHAPE = MixtureShape(channels=3, levels=256, mixtures=5, coupled=True, sigmoid=True)
TOTAL = 1 << 24


def sample(pixels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(pixels)
    parameters = rng.normal(size=(pixels, SHAPE.parameters)).astype(np.float32)
    parameters[:, 15:30] = rng.uniform(0, 255, (pixels, 15))
    return parameters, rng.integers(0, 256, (pixels, 3))


def test_example_of_the_docstring_runs() -> None:
    assert coder.__doc__ is not None
    lines = [line[4:] for line in coder.__doc__.splitlines() if line.startswith("    ")]
    assert lines[-1].startswith("assert ")
    exec("\n".join(lines), {"coder": coder, "np": np, "MixtureShape": coder.MixtureShape})


def test_needs_no_torch_and_exports_what_it_says() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; import coder;"
        "assert all(hasattr(coder, name) for name in coder.__all__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tensors_on_the_cpu_are_arrays() -> None:
    parameters, symbols = sample(40)
    data = coder.encode_mixture(symbols, parameters, SHAPE)
    tensor = torch.from_numpy(parameters)
    assert coder.encode_mixture(torch.from_numpy(symbols), tensor, SHAPE) == data
    assert (coder.decode_mixture(data, tensor, SHAPE) == symbols).all()
    turned = tensor.T.contiguous().T  # any strides
    assert coder.encode_mixture(symbols.astype(np.uint8), turned, SHAPE) == data


def test_other_tensors_are_refused_with_the_remedy() -> None:
    parameters, symbols = sample(4)
    tensor = torch.from_numpy(parameters)
    with pytest.raises(TypeError, match=r"require a gradient: pass parameters\.detach\(\)"):
        coder.encode_mixture(symbols, tensor.requires_grad_(), SHAPE)
    with pytest.raises(TypeError, match=r"symbols are on meta: pass symbols\.cpu\(\)"):
        coder.encode_mixture(torch.empty(4, 3, device="meta"), parameters, SHAPE)
    with pytest.raises(TypeError, match="float32 or int32, got float16"):
        coder.encode_mixture(symbols, tensor.detach().half(), SHAPE)
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        coder.encode_mixture(symbols, parameters, SHAPE, threads=0)


@pytest.fixture
def portable():  # type: ignore[no-untyped-def]
    """Plain loops, whatever the processor has."""
    before = _range_coder.use_avx2()
    assert not _range_coder.use_avx2(0)
    yield
    _range_coder.use_avx2(int(before))


@pytest.mark.parametrize("mixtures", [1, 3, 4, 5, 10, 64])
@pytest.mark.parametrize("kind", ["plain", "extreme", "grid"])
def test_vectors_and_plain_loops_give_the_same(portable: None, mixtures: int, kind: str) -> None:
    shape = MixtureShape(channels=3, levels=256, mixtures=mixtures, coupled=True, sigmoid=True)
    rng = np.random.default_rng(mixtures)
    size = (150, shape.parameters)
    parameters = rng.normal(0, 3, size).astype(np.float32)
    if kind == "extreme":
        bits = rng.integers(0, 2**32, size, dtype=np.uint32).view(np.float32)
        parameters = np.where(np.isfinite(bits), bits, np.float32(0))
    if kind == "grid":
        parameters = rng.integers(-(2**31), 2**31, size).astype(np.int32)
    symbols = rng.integers(0, 256, (150, 3))

    def everything() -> tuple[bytes, bytes, bytes]:
        data = coder.encode_mixture(symbols, parameters, shape)
        assert (coder.decode_mixture(data, parameters, shape) == symbols).all()
        junk = coder.decode_mixture(bytes(range(200)), parameters, shape)
        cdf = coder.mixture_cdf(parameters, shape, 2, symbols)
        return data, junk.tobytes(), cdf.tobytes()

    plain = everything()
    if not _range_coder.use_avx2(1):
        pytest.skip("this processor has no AVX2")
    assert everything() == plain


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 65_535), st.lists(st.integers(1 << 16, 64 << 16), min_size=8, max_size=8))
def test_normalizer_by_doubles_is_the_integer_quotient(levels: int, weights: list[int]) -> None:
    # mixture_lanes.h divides doubles; the sums that are hardest to round lie next to divisors
    dividend = (TOTAL - levels) << 24
    for weight in weights:
        quotient = dividend // weight
        for near in {weight, dividend // max(quotient, 1), dividend // (quotient + 1)}:
            if 1 << 16 <= near <= 64 << 16:
                assert int(float(dividend) / float(near)) == dividend // near


@pytest.mark.parametrize("pixels", [1, 7, 8, 9, 100, 8192, 16384 + 3, 32768 + 9])
def test_few_lanes_are_coded_in_the_order_of_the_format(pixels: int) -> None:
    shape = MixtureShape(channels=2, levels=5, mixtures=1)
    rng = np.random.default_rng(pixels)
    parameters = rng.normal(size=(pixels, shape.parameters)).astype(np.float32)
    symbols = rng.integers(0, 5, (pixels, 2))
    assert lane_count(pixels) <= 8
    data = coder.encode_mixture(symbols, parameters, shape)
    assert data == reference.encode_mixture(symbols, parameters, shape)


def test_tables_of_other_integers_do_not_wrap_around() -> None:
    for wrong in (np.array([[0, 5 - 2**32, TOTAL]]), np.array([[0, 2**32 + 5, TOTAL]])):
        with pytest.raises(ValueError, match="cdf row 0 does not increase"):
            coder.encode([0], wrong)
    steps = np.arange(258, dtype=np.uint64) * TOTAL  # up by 2^24 each time, modulo 2^32
    with pytest.raises(ValueError, match="cdf row 0 does not increase at entry 255"):
        coder.encode([0], (steps % 2**32).astype(np.uint32)[None])


def test_unchecked_tables_are_checked_where_they_are_used() -> None:
    cdf = np.array([[0, 5, TOTAL], [0, 0, TOTAL], [0, TOTAL, TOTAL]], np.uint32)
    assert coder.encode([0], cdf, [0], check=False) == coder.encode([0], cdf[:1])
    for symbol, row in ((0, 1), (1, 2)):
        with pytest.raises(ValueError, match=f"cdf row {row}, of symbol 1, does not increase"):
            coder.encode([0, symbol], cdf, [0, row], check=False)
    rng = np.random.default_rng(0)
    for _ in range(50):  # any table at all, any bytes: an error or symbols
        table = rng.integers(0, 2**32, (20, 9), dtype=np.uint32)
        try:
            found = coder.decode(rng.bytes(30), table, check=False)
        except ValueError:
            continue
        assert found.max() < 8
