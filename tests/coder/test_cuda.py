"""The CUDA path: compiled by nvcc and NVRTC, run on the CPU, and compared on a GPU where one is."""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from mixture_samples import CASES, SHAPES, WRONG, Z, any_samples, golden_stream, sample

from coder import cuda, cuda_kernels, range_coder, reference
from coder.errors import CorruptStreamError
from coder.shape import MixtureShape
from coder.tables import parameter_grids

HERE = Path(__file__).parent
CODER = Path(cuda.__file__).parent


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not on the PATH")
def test_nvcc_compiles_the_kernels(tmp_path):
    made = tmp_path / "kernels.fatbin"
    options = ["-fatbin", "-Werror=all-warnings"]
    options += [f"-gencode=arch=compute_{n},code=sm_{n}" for n in (75, 90)]
    subprocess.run(["nvcc", *options, "-o", made, CODER / "mixture_cdf.cu"], check=True)
    assert made.read_bytes().count(b"\x7fELF") >= 2


@pytest.mark.parametrize("architecture", [75, 90])
def test_nvrtc_compiles_the_kernels(architecture):
    try:
        cuda_kernels.nvrtc_version()
    except (ImportError, RuntimeError) as error:
        pytest.skip(str(error))
    assert cuda_kernels.compile_kernels(*divmod(architecture, 10))[:4] == b"\x7fELF"
    assert cuda_kernels.compile_kernels(99, 0).startswith(b"//")  # an unknown GPU gets PTX


def test_what_is_missing_is_said(monkeypatch):
    assert cuda.available() == (cuda.why_unavailable() is None)
    parameters, symbols = map(torch.from_numpy, sample(Z, 3))
    with pytest.raises(ValueError, match="cpu"):
        cuda.encode_mixture(symbols, parameters, Z)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    assert "cuda-bindings" in str(cuda.why_unavailable())
    assert not cuda.available()


needs_gpu = pytest.mark.skipif(not cuda.available(), reason=str(cuda.why_unavailable()))

# Kernels on a GPU, where benchmarks/compare_cuda.py compares every interval of 10^7 parameter sets,
# and on the CPU: each thread of a warp is a fiber (cuda_on_cpu.cpp).


class OnCpu(cuda_kernels.Kernels):
    """Launches the same kernels with the same arguments, compiled for the CPU."""

    def __init__(self, library):
        super().__init__(torch.device("cpu"))
        self.library = ctypes.CDLL(str(library))

    def _start(self, name, blocks, threads, pointers):
        self.library.launch(name.encode(), blocks, threads, pointers)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    made = tmp_path_factory.mktemp("cuda") / "kernels.so"
    options = ["-std=c++17", "-O2", "-shared", "-fPIC", f"-I{CODER}"]
    subprocess.run([compiler, *options, HERE / "cuda_on_cpu.cpp", "-o", made], check=True)
    return made


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, needs_gpu])])
def place(request, monkeypatch):
    """Device of the kernels: the CPU or, where there is one, a GPU."""
    if request.param == "cpu":
        kernels = OnCpu(request.getfixturevalue("library"))
        monkeypatch.setattr(cuda, "_kernels", lambda place: kernels)
    return str(request.param)


def samples(shape, pixels, place):
    parameters, symbols = (torch.from_numpy(array).to(place) for array in sample(shape, pixels))
    return parameters, symbols


def compare(parameters, symbols, shape):
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


@pytest.mark.parametrize("shape", SHAPES)
def test_kernels_agree_with_the_coder(shape, place):
    for pixels in (0, 1, 2, 130) if place == "cpu" else (0, 1, 2, 5000, 40_000):
        parameters, symbols = samples(shape, pixels, place)
        stream = compare(parameters, symbols, shape)
        assert compare(parameters.T.contiguous().T, symbols, shape) == stream
    parameters, symbols = samples(shape, 130, place)
    stream = compare(parameters, symbols, shape)
    bits, low, high = parameter_grids(shape)
    scaled = parameters.double().cpu().numpy() * 2.0**bits
    whole = np.rint(np.clip(scaled, low, high)).astype(np.int32)
    assert compare(torch.from_numpy(whole).to(place), symbols, shape) == stream


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(any_samples())
def test_kernels_agree_with_the_reference_on_any_parameters(place, made):
    parameters, symbols, shape = made
    tensors = torch.from_numpy(parameters).to(place), torch.from_numpy(symbols).to(place)
    assert compare(*tensors, shape) == reference.encode_mixture(symbols, parameters, shape)


def test_kernels_and_hostile_bytes(place):
    rng = np.random.default_rng(5)
    shape = MixtureShape(channels=1, levels=25, mixtures=3)
    parameters, _ = samples(shape, 8200, place)
    for size in (0, 300):
        data = b"\x00" + rng.bytes(size)  # the first of two lanes is empty
        symbols = cuda.decode_mixture(data, parameters, shape).cpu().numpy()
        assert (symbols == range_coder.decode_mixture(data, parameters.cpu(), shape)).all()
    for data, pixels in ((b"\x09a", parameters), (b"a", parameters[:0])):
        with pytest.raises(CorruptStreamError):
            cuda.decode_mixture(data, pixels, shape)


def test_kernels_decode_the_golden_streams(place):
    for case, fields in CASES.items():
        if fields:
            known, file = golden_stream(case)
            parameters, symbols = (
                torch.from_numpy(known[name]).to(place) for name in ("parameters", "symbols")
            )
            stream = file.read_bytes()
            assert compare(parameters, symbols, MixtureShape(**fields)) == stream


@pytest.mark.parametrize(("symbols", "parameters", "named"), WRONG)
def test_wrong_arguments_are_named(place, symbols, parameters, named):
    values, given = torch.from_numpy(symbols).to(place), torch.from_numpy(parameters).to(place)
    with pytest.raises((ValueError, TypeError), match=named):
        cuda.encode_mixture(values, given, Z)
    if "of pixel" in named:
        with pytest.raises(ValueError, match=named):
            cuda.decode_mixture(b"abc", given, Z)
    if "at " in named:
        with pytest.raises(ValueError, match=named):
            cuda.mixture_cdf(given, Z, 0, values)
