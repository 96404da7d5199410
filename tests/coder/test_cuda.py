"""The CUDA path: compiled by nvcc and NVRTC, run on the CPU, and compared on a GPU where one is."""

import ctypes
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mixture_samples import ONE, SIGMOID, WIDE, Z, sample

from coder import cuda, cuda_kernels, range_coder, reference
from coder.errors import CorruptStreamError
from coder.shape import MixtureShape, lane_count

HERE = Path(__file__).parent
CODER = Path(cuda.__file__).parent
GOLDEN = HERE.parent / "data" / "golden"
ARCHITECTURES = (75, 80, 86, 89, 90)

RGB = MixtureShape(channels=3, levels=256, mixtures=10, coupled=True)
MANY = MixtureShape(channels=2, levels=300, mixtures=64, coupled=True)
SHAPES = [RGB, SIGMOID, Z, WIDE, ONE, MANY]


# Compilation.


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nvcc_compiles_the_kernels(architecture: int, tmp_path: Path) -> None:
    if shutil.which("nvcc") is None:
        pytest.skip("nvcc is not on the PATH")
    made = tmp_path / "kernels.cubin"
    options = ["-cubin", f"-arch=sm_{architecture}", "-Werror=all-warnings"]
    subprocess.run(["nvcc", *options, "-o", made, CODER / "mixture_cdf.cu"], check=True)
    assert made.read_bytes()[:4] == b"\x7fELF"


@pytest.mark.parametrize("architecture", [75, 90])
def test_nvrtc_compiles_the_kernels(architecture: int) -> None:
    try:
        cuda_kernels.nvrtc_version()
    except (ImportError, RuntimeError) as error:
        pytest.skip(str(error))
    assert cuda_kernels.compile_kernels(*divmod(architecture, 10))[:4] == b"\x7fELF"
    assert cuda_kernels.compile_kernels(99, 0).startswith(b"//")  # an unknown GPU gets PTX


def test_what_is_missing_is_said() -> None:
    missing = cuda.why_unavailable()
    assert cuda.available() == (missing is None)
    if missing is not None:
        assert len(missing) > 10
    parameters, symbols = map(torch.from_numpy, sample(Z, 3))
    with pytest.raises(ValueError, match=r"must be on a CUDA device, got cpu; see coder\.range_c"):
        cuda.encode_mixture(symbols, parameters, Z)


def test_a_missing_binding_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    assert "cuda-bindings" in str(cuda.why_unavailable())
    assert not cuda.available()


# The kernels on the CPU: each thread of a warp is a fiber (cuda_on_cpu.cpp).


class OnCpu(cuda_kernels.Kernels):
    """Launches the same kernels with the same arguments, compiled for the CPU."""

    def __init__(self, library: Path) -> None:
        super().__init__(torch.device("cpu"))
        self.library = ctypes.CDLL(str(library))

    def _start(self, name: str, blocks: int, threads: int, pointers: ctypes.Array[Any]) -> None:
        self.library.launch(name.encode(), blocks, threads, pointers)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    made = tmp_path_factory.mktemp("cuda") / "kernels.so"
    options = ["-std=c++17", "-O2", "-shared", "-fPIC", f"-I{CODER}"]
    subprocess.run([compiler, *options, HERE / "cuda_on_cpu.cpp", "-o", made], check=True)
    return made


@pytest.fixture
def on_cpu(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = OnCpu(library)
    monkeypatch.setattr(cuda, "_kernels", lambda place: kernels)


def compare(parameters: torch.Tensor, symbols: torch.Tensor, shape: MixtureShape) -> bytes:
    """Asserts that intervals, streams and CDFs equal those of the C core; returns the stream."""
    given, wanted = parameters.cpu().numpy(), symbols.cpu().numpy()
    stream = range_coder.encode_mixture(wanted, given, shape)
    assert cuda.encode_mixture(symbols, parameters, shape) == stream
    assert torch.equal(cuda.decode_mixture(stream, parameters, shape), symbols.to(torch.int32))
    cut = cuda.intervals(parameters, symbols, shape).cpu().numpy()
    few = min(len(given), 100, 1 + 100_000 // shape.levels)
    for channel in range(shape.channels):
        cdf = range_coder.mixture_cdf(given[:few], shape, channel, wanted[:few]).astype(np.int64)
        ours = cuda.mixture_cdf(parameters[:few], shape, channel, symbols[:few])
        assert (ours.cpu().numpy() == cdf).all()
        edges = wanted[:few, channel, None] + [0, 1]
        assert (cut[:few, channel] == np.take_along_axis(cdf, edges, 1)).all()
    return stream


@pytest.mark.usefixtures("on_cpu")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pixels", [0, 1, 2, 130])
def test_kernels_on_cpu_agree_with_the_coder(shape: MixtureShape, pixels: int) -> None:
    parameters, symbols = map(torch.from_numpy, sample(shape, pixels))
    stream = compare(parameters, symbols, shape)
    grids = [(6, 1 << 20), (8, 1 << 26), (6, 512), (12, 1 << (16 if shape.sigmoid else 14))]
    kinds = np.repeat(range(4), [shape.channels] * 3 + [shape.coefficients])
    bits, limits = np.array(grids)[np.repeat(kinds, shape.mixtures)].T
    scaled = np.rint(parameters.double().numpy() * 2.0**bits)
    whole = np.clip(scaled, -limits, limits).astype(np.int32)
    assert compare(torch.from_numpy(whole), symbols, shape) == stream


@pytest.mark.usefixtures("on_cpu")
def test_kernels_on_cpu_in_many_lanes_and_planes() -> None:
    pixels = 2 * 4096 + 3
    shape = MixtureShape(channels=3, levels=256, mixtures=2, coupled=True)
    assert lane_count(pixels) == 2
    parameters, symbols = map(torch.from_numpy, sample(shape, pixels))
    planes = parameters.T.contiguous().T  # as a convolution leaves them
    assert planes.stride() == (1, pixels)
    assert compare(parameters, symbols, shape) == compare(planes, symbols, shape)


any_float = st.floats(width=32, allow_nan=False, allow_infinity=False)
any_int = st.integers(-(2**31), 2**31 - 1)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@settings(max_examples=40, deadline=None)
@given(st.sampled_from([RGB, SIGMOID, Z, ONE]), st.booleans(), st.data())
def test_kernels_on_cpu_agree_with_the_reference_on_any_parameters(
    library: Path, shape: MixtureShape, real: bool, data: st.DataObject
) -> None:
    pixels = data.draw(st.integers(1, 5))
    kind, elements = (np.float32, any_float) if real else (np.int32, any_int)
    parameters = data.draw(hnp.arrays(kind, (pixels, shape.parameters), elements=elements))
    symbols = data.draw(
        hnp.arrays(np.int64, (pixels, shape.channels), elements=st.integers(0, shape.levels - 1))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda, "_kernels", lambda place: OnCpu(library))
        stream = compare(torch.from_numpy(parameters), torch.from_numpy(symbols), shape)
    assert stream == reference.encode_mixture(symbols, parameters, shape)


@pytest.mark.usefixtures("on_cpu")
def test_kernels_on_cpu_and_hostile_bytes() -> None:
    rng = np.random.default_rng(5)
    shape = MixtureShape(channels=1, levels=25, mixtures=3)
    parameters, _ = sample(shape, 8200)
    place = torch.from_numpy(parameters)
    for size in (0, 300):
        data = b"\x00" + rng.bytes(size)  # the first of two lanes is empty
        symbols = cuda.decode_mixture(data, place, shape)
        assert (symbols.numpy() == range_coder.decode_mixture(data, parameters, shape)).all()
    with pytest.raises(CorruptStreamError, match="lanes of 9 bytes in a stream that holds 1"):
        cuda.decode_mixture(b"\x09a", place, shape)
    with pytest.raises(CorruptStreamError, match="no symbols has 1 bytes"):
        cuda.decode_mixture(b"a", place[:0], shape)


@pytest.mark.usefixtures("on_cpu")
def test_kernels_on_cpu_decode_the_golden_streams() -> None:
    shapes = json.loads((GOLDEN / "coder.json").read_text(encoding="utf-8"))
    for case, fields in shapes.items():
        if not fields:
            continue  # plain tables
        with np.load(GOLDEN / f"coder-{case}.npz") as stored:
            parameters, symbols = map(torch.from_numpy, (stored["parameters"], stored["symbols"]))
        stream = (GOLDEN / f"coder-{case}.bin").read_bytes()
        shape = MixtureShape(**fields)
        decoded = cuda.decode_mixture(stream, parameters, shape)
        assert torch.equal(decoded, symbols.to(torch.int32))
        assert cuda.encode_mixture(symbols, parameters, shape) == stream


@pytest.mark.usefixtures("on_cpu")
def test_wrong_arguments_are_named() -> None:
    parameters, symbols = map(torch.from_numpy, sample(Z, 4))
    for wrong, dtype in ((25, torch.int16), (-1, torch.int32), (2**32, torch.int64)):
        bad = symbols.to(dtype, copy=True)
        bad[2, 3] = wrong
        with pytest.raises(ValueError, match=r"symbol at \(2, 3\) is not in 0\.\.24"):
            cuda.encode_mixture(bad, parameters, Z)
    with pytest.raises(ValueError, match=r"symbol at \(2, 3\) is not in 0\.\.24"):
        cuda.mixture_cdf(parameters, Z, 0, bad)
    parameters[1, 7] = torch.nan
    with pytest.raises(ValueError, match="parameter 7 of pixel 1 is nan"):
        cuda.encode_mixture(symbols, parameters, Z)
    with pytest.raises(ValueError, match="parameter 7 of pixel 1 is nan"):
        cuda.decode_mixture(b"abc", parameters, Z)
    with pytest.raises(TypeError, match=r"float32 or int32, got torch\.float64"):
        cuda.encode_mixture(symbols, parameters.double(), Z)
    with pytest.raises(TypeError, match=r"symbols must be integers, got torch\.float32"):
        cuda.encode_mixture(symbols.float(), parameters, Z)
    with pytest.raises(ValueError, match=r"\(pixels, 45\), got \(4, 44\)"):
        cuda.encode_mixture(symbols, parameters[:, 1:], Z)
    with pytest.raises(ValueError, match=r"shape \(4, 5\), got \(3, 5\)"):
        cuda.encode_mixture(symbols[1:], parameters, Z)
    with pytest.raises(ValueError, match=r"channel must be in 0\.\.4, got 5"):
        cuda.mixture_cdf(parameters, Z, 5)


# On a GPU. benchmarks/compare_cuda.py compares every interval of 10^7 parameter sets.

needs_gpu = pytest.mark.skipif(not cuda.available(), reason=str(cuda.why_unavailable()))


@pytest.mark.gpu
@needs_gpu
def test_gpu_agrees_with_the_coder() -> None:
    for shape in SHAPES:
        for pixels in (0, 1, 2, 5000, 40_000):
            parameters, symbols = (torch.from_numpy(a).cuda() for a in sample(shape, pixels))
            stream = compare(parameters, symbols, shape)
            assert compare(parameters.T.contiguous().T, symbols, shape) == stream


@pytest.mark.gpu
@needs_gpu
def test_gpu_takes_any_parameters_and_any_bytes() -> None:
    rng = np.random.default_rng(6)
    for shape in SHAPES:
        bits = rng.integers(-(2**31), 2**31, (20_000, shape.parameters)).astype(np.int32)
        symbols = rng.integers(0, shape.levels, (20_000, shape.channels))
        real = bits.view(np.float32).copy()
        real[~np.isfinite(real)] = 0
        for parameters in (bits, real):
            place = torch.from_numpy(parameters).cuda()
            compare(place, torch.from_numpy(symbols).cuda(), shape)
            data = bytes(lane_count(20_000) - 1) + rng.bytes(4000)
            hostile = cuda.decode_mixture(data, place, shape).cpu().numpy()
            assert (hostile == range_coder.decode_mixture(data, parameters, shape)).all()


@pytest.mark.gpu
@needs_gpu
def test_gpu_says_what_is_not_finite() -> None:
    parameters, symbols = (torch.from_numpy(a).cuda() for a in sample(Z, 4))
    parameters[3, 2] = torch.inf
    with pytest.raises(ValueError, match="parameter 2 of pixel 3 is inf"):
        cuda.encode_mixture(symbols, parameters, Z)
