"""The kernels of mixture_cdf.cu on a device: compiled, loaded, launched.

They are compiled when first used, in about a second, by NVRTC, which every CUDA build of PyTorch
brings: nothing is built by the user, and nothing is compiled for GPUs that are not there. NVRTC and
the driver are called through ctypes, by the few functions of their C interfaces that have not
changed for years. Weighed against that:

- `torch.cuda._compile_kernel` (PyTorch 2.8 and later) wraps the same calls, but is private, passes
  every integer as 32 bits, compiles one kernel at a time, needs files for headers, and looks for
  NVRTC only where the linker does, not in the wheels that pip installs.
- CuPy's `RawModule` is a comfortable public wrapper of the same NVRTC, and one more package of
  100 MB with a CUDA version of its own to match.
- `torch.utils.cpp_extension` needs the CUDA toolkit and a C++ compiler, and takes a minute.
- A binary in our wheel would have to be built for every architecture, and makes a pure C package
  a CUDA one.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import itertools
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coder.shape import MixtureShape
from coder.tables import tables

if TYPE_CHECKING:
    from torch import Tensor, device

_HERE = Path(__file__).parent
_HEADERS = ("mixture_cdf.h", "range_coder.h")


class _Tables(ctypes.Structure):
    """`mix_tables` of mixture_cdf.h."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("sigmoid", "scales", "exp")]


class _Source(ctypes.Structure):
    """`struct source` of mixture_cdf.cu."""

    _fields_ = [
        ("real", ctypes.c_void_p),
        ("grid", ctypes.c_void_p),
        ("pixel_stride", ctypes.c_int64),
        ("parameter_stride", ctypes.c_int64),
        ("channels", ctypes.c_int32),
        ("levels", ctypes.c_int32),
        ("mixtures", ctypes.c_int32),
        ("coupled", ctypes.c_int32),
        ("tables", _Tables),
    ]


class Kernels(ABC):
    """The kernels of mixture_cdf.cu on one device; tests run them on the CPU in a subclass."""

    def __init__(self, place: device) -> None:
        import torch

        made = tables()
        self._tables = {
            name: torch.from_numpy(values.copy()).to(place)
            for name, values in made._asdict().items()
        }

    def source(self, parameters: Tensor, shape: MixtureShape) -> _Source:
        """The first argument of most kernels; valid as long as the tensor is."""
        import torch

        real = parameters.dtype == torch.float32
        return _Source(
            parameters.data_ptr() if real else None,
            None if real else parameters.data_ptr(),
            *parameters.stride(),
            shape.channels,
            shape.levels,
            shape.mixtures,
            (2 if shape.sigmoid else 1) if shape.coupled else 0,
            _Tables(**{name: values.data_ptr() for name, values in self._tables.items()}),
        )

    def launch(self, name: str, blocks: int, threads: int, *arguments: Any) -> None:
        """Starts a kernel; tensors are passed as pointers, ctypes values as they are."""
        values = [
            value
            if isinstance(value, (ctypes.Structure, ctypes._SimpleCData))
            else ctypes.c_void_p(value.data_ptr())
            for value in arguments
        ]
        pointers = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
        self._start(name, blocks, threads, pointers)

    @abstractmethod
    def _start(self, name: str, blocks: int, threads: int, pointers: ctypes.Array[Any]) -> None:
        """Launches on the device; the pointers are those of the arguments' values."""


class _CudaKernels(Kernels):
    """On a GPU, in its primary context and on PyTorch's current stream."""

    def __init__(self, place: device) -> None:
        import torch

        super().__init__(place)
        self._device = place
        self._driver = ctypes.CDLL("libcuda.so.1")
        number, self._context = ctypes.c_int(), ctypes.c_void_p()
        self._check(self._driver.cuDeviceGet(ctypes.byref(number), place.index))
        retain = self._driver.cuDevicePrimaryCtxRetain
        self._check(retain(ctypes.byref(self._context), number))
        self._binary = compile_kernels(*torch.cuda.get_device_capability(place))
        self._module = ctypes.c_void_p()
        self._push()
        try:
            load = self._driver.cuModuleLoadData
            self._check(load(ctypes.byref(self._module), self._binary))
        finally:
            self._pop()
        self._functions: dict[str, ctypes.c_void_p] = {}

    def _start(self, name: str, blocks: int, threads: int, pointers: ctypes.Array[Any]) -> None:
        import torch

        stream = ctypes.c_void_p(torch.cuda.current_stream(self._device).cuda_stream)
        self._push()  # a thread that has called nothing of CUDA yet has no current context
        try:
            if name not in self._functions:
                found = ctypes.c_void_p()
                get = self._driver.cuModuleGetFunction
                self._check(get(ctypes.byref(found), self._module, name.encode()))
                self._functions[name] = found
            sizes = [ctypes.c_uint(n) for n in (blocks, 1, 1, threads, 1, 1, 0)]
            launch = self._driver.cuLaunchKernel
            self._check(launch(self._functions[name], *sizes, stream, pointers, None))
        finally:
            self._pop()

    def _push(self) -> None:
        self._check(self._driver.cuCtxPushCurrent_v2(self._context))

    def _pop(self) -> None:
        self._check(self._driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p())))

    def _check(self, result: int) -> None:
        if result:
            text = ctypes.c_char_p()
            self._driver.cuGetErrorString(result, ctypes.byref(text))
            raise RuntimeError(f"CUDA: {(text.value or b'unknown error').decode()} ({result})")


@functools.cache
def cuda_kernels(place: device) -> Kernels:
    """The kernels on a CUDA device, compiled on the first call.

    Raises:
        OSError: there is no NVRTC.
        RuntimeError: it cannot compile them, or CUDA reports an error.
    """
    return _CudaKernels(place)


def nvrtc_version() -> str:
    """Version of NVRTC, which compiles the kernels."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check_nvrtc(nvrtc().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return f"{major.value}.{minor.value}"


def compile_kernels(major: int, minor: int) -> bytes:
    """Machine code of all kernels for GPUs of this compute capability; needs no GPU.

    For a GPU that is newer than NVRTC: PTX, which the driver compiles.

    Raises:
        RuntimeError: with the compiler's messages.
    """
    compiler = nvrtc()
    count = ctypes.c_int()
    _check_nvrtc(compiler.nvrtcGetNumSupportedArchs(ctypes.byref(count)))
    known = (ctypes.c_int * count.value)()
    _check_nvrtc(compiler.nvrtcGetSupportedArchs(known))
    wanted = 10 * major + minor
    native = wanted in known
    target = f"sm_{wanted}" if native else f"compute_{max(a for a in known if a < wanted)}"
    options = [f"--gpu-architecture={target}".encode(), b"--std=c++17"]

    texts = [(_HERE / name).read_bytes() for name in _HEADERS]
    program = ctypes.c_void_p()
    _check_nvrtc(
        compiler.nvrtcCreateProgram(
            ctypes.byref(program),
            (_HERE / "mixture_cdf.cu").read_bytes(),
            b"mixture_cdf.cu",
            len(texts),
            (ctypes.c_char_p * len(texts))(*texts),
            (ctypes.c_char_p * len(texts))(*(name.encode() for name in _HEADERS)),
        )
    )
    try:
        failed = compiler.nvrtcCompileProgram(
            program, len(options), (ctypes.c_char_p * len(options))(*options)
        )
        if failed:
            log = _nvrtc_text(program, "ProgramLog").rstrip(b"\0").decode()
            raise RuntimeError(f"NVRTC {nvrtc_version()} cannot compile mixture_cdf.cu:\n{log}")
        return _nvrtc_text(program, "CUBIN" if native else "PTX")
    finally:
        compiler.nvrtcDestroyProgram(ctypes.byref(program))


def _nvrtc_text(program: ctypes.c_void_p, what: str) -> bytes:
    """What a program holds: its ProgramLog, CUBIN or PTX."""
    size = ctypes.c_size_t()
    _check_nvrtc(getattr(nvrtc(), f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    _check_nvrtc(getattr(nvrtc(), f"nvrtcGet{what}")(program, text))
    return text.raw


def _check_nvrtc(result: int) -> None:
    if result:
        describe = nvrtc().nvrtcGetErrorString
        describe.restype = ctypes.c_char_p
        raise RuntimeError(f"NVRTC: {describe(result).decode()}")


@functools.cache
def nvrtc() -> ctypes.CDLL:
    """The run-time compiler: of the wheels that PyTorch needs, inside PyTorch, or the system's.

    Raises:
        OSError: it was not found; the message says where it was looked for.
    """
    tried = []
    for path in _nvrtc_paths():
        try:
            # NVRTC opens a second library by its bare name, which is on no path in the wheels.
            if os.path.isabs(path):
                for beside in Path(path).parent.glob("libnvrtc-builtins.so.*"):
                    ctypes.CDLL(str(beside))
            return ctypes.CDLL(path)
        except OSError:
            tried.append(path)
    raise OSError(f"NVRTC, CUDA's run-time compiler, was not found: tried {', '.join(tried)}")


def _nvrtc_paths() -> Iterator[str]:
    majors = ["13", "12"]
    if importlib.util.find_spec("torch"):
        import torch

        if torch.version.cuda:
            majors = [torch.version.cuda.split(".")[0]]
    names = [f"libnvrtc.so.{major}" for major in majors]
    for package in ("nvidia", "torch"):
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for name, inner in itertools.product(names, ("*/lib", "lib")):
                yield from sorted(map(str, Path(folder).glob(f"{inner}/{name}")))
    yield from names
    for name in names:
        yield os.path.join(os.environ.get("CUDA_HOME", "/usr/local/cuda"), "lib64", name)
