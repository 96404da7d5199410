"""The kernels of mixture_cdf.cu on a device: compiled, loaded, launched.

They are compiled when first used, in about a second, by NVRTC: nothing is built by the user, and
nothing is compiled for GPUs that are not there. NVRTC and the driver are called through NVIDIA's
cuda-bindings, which PyTorch's CUDA builds bring, as they do NVRTC. Weighed against that:

- cuda-core, a layer above it, passes no structures to kernels, and is one package more.
- CuPy's `RawModule` brings 100 MB with a CUDA version of its own to match.
- `torch.utils.cpp_extension` needs the CUDA toolkit and a C++ compiler, and takes a minute.
- A binary in our wheel would have to be built for every architecture.
"""

from __future__ import annotations

import ctypes
import functools
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coder.shape import MixtureShape
from coder.tables import tables

if TYPE_CHECKING:
    from torch import Tensor, device

_HERE = Path(__file__).parent


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
        from cuda.bindings import driver

        super().__init__(place)
        self._device = place
        number = _checked(driver.cuDeviceGet(place.index))
        self._context = _checked(driver.cuDevicePrimaryCtxRetain(number))
        self._binary = compile_kernels(*torch.cuda.get_device_capability(place))
        _checked(driver.cuCtxPushCurrent(self._context))
        try:
            self._module = _checked(driver.cuModuleLoadData(self._binary))
        finally:
            _checked(driver.cuCtxPopCurrent())

    def _start(self, name: str, blocks: int, threads: int, pointers: ctypes.Array[Any]) -> None:
        import torch
        from cuda.bindings import driver

        stream = torch.cuda.current_stream(self._device).cuda_stream
        arguments = ctypes.addressof(pointers)
        # A thread that has called nothing of CUDA yet has no current context.
        _checked(driver.cuCtxPushCurrent(self._context))
        try:
            function = _checked(driver.cuModuleGetFunction(self._module, name.encode()))
            sizes = (blocks, 1, 1, threads, 1, 1, 0)
            _checked(driver.cuLaunchKernel(function, *sizes, stream, arguments, 0))
        finally:
            _checked(driver.cuCtxPopCurrent())


@functools.cache
def cuda_kernels(place: device) -> Kernels:
    """The kernels on a CUDA device, compiled on the first call.

    Raises:
        ImportError: there is no cuda-bindings.
        RuntimeError: no NVRTC, it cannot compile them, or CUDA reports an error.
    """
    return _CudaKernels(place)


def nvrtc_version() -> str:
    """Version of NVRTC, which compiles the kernels.

    Raises:
        ImportError: there is no cuda-bindings.
        RuntimeError: there is no NVRTC; the message says where it was looked for.
    """
    from cuda.bindings import nvrtc

    _, major, minor = nvrtc.nvrtcVersion()
    return f"{major}.{minor}"


def compile_kernels(major: int, minor: int) -> bytes:
    """Machine code of all kernels for GPUs of this compute capability; needs no GPU.

    For a GPU that is newer than NVRTC: PTX, which the driver compiles.

    Raises:
        RuntimeError: with the compiler's messages.
    """
    from cuda.bindings import nvrtc

    known, wanted = _checked(nvrtc.nvrtcGetSupportedArchs()), 10 * major + minor
    native = wanted in known
    target = f"sm_{wanted}" if native else f"compute_{max(a for a in known if a < wanted)}"
    texts = [f"--gpu-architecture={target}", "--std=c++17", f"--include-path={_HERE}"]
    options = [os.fsencode(text) for text in texts]
    source = (_HERE / "mixture_cdf.cu").read_bytes()
    program = _checked(nvrtc.nvrtcCreateProgram(source, b"mixture_cdf.cu", 0, [], []))

    def made(what: str) -> bytes:
        text = bytearray(_checked(getattr(nvrtc, f"nvrtcGet{what}Size")(program)))
        _checked(getattr(nvrtc, f"nvrtcGet{what}")(program, text))
        return bytes(text)

    try:
        if nvrtc.nvrtcCompileProgram(program, len(options), options)[0]:
            log = made("ProgramLog").rstrip(b"\0").decode()
            raise RuntimeError(f"NVRTC {nvrtc_version()} cannot compile mixture_cdf.cu:\n{log}")
        return made("CUBIN" if native else "PTX")
    finally:
        nvrtc.nvrtcDestroyProgram(program)


def _checked(result: tuple[Any, ...]) -> Any:
    """What a function of cuda-bindings returns beside its error, which is raised."""
    error, *values = result
    if error:
        raise RuntimeError(f"CUDA: {error.name}")
    return values[0] if values else None
