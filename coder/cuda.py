"""The mixture coder on CUDA tensors: the same streams as `coder.range_coder`, byte for byte.

    data = cuda.encode_mixture(symbols, parameters, shape)      # all on the GPU but for the bytes
    assert torch.equal(cuda.decode_mixture(data, parameters, shape), symbols)

Parameters may have any strides. A convolution's output (1, P, H, W) is best handed over as it lies,
`out[0].flatten(1).T`: neighbouring threads then read neighbouring addresses.

The kernels (mixture_cdf.cu) are compiled when first used, in about a second, by NVRTC, which every
CUDA build of PyTorch brings: nothing is built by the user, and nothing is compiled for GPUs that
are not there. NVRTC and the driver are called through ctypes, by the few functions of their C
interfaces that have not changed for years. Weighed against that:

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

import numpy as np

from coder.errors import CorruptStreamError
from coder.range_coder import _leb128, _split_lanes
from coder.shape import MixtureShape, lane_count
from coder.tables import tables

if TYPE_CHECKING:
    from torch import Tensor, device

_HERE = Path(__file__).parent
_HEADERS = ("mixture_cdf.h", "range_coder.h")
_WARP = 32
_BLOCK = 128
_MOST_BLOCKS = 1 << 16  # threads of the kernels that need it go on to further symbols
_NOT_FINITE, _OUT_OF_RANGE = 1, 2  # bits of a kernel's status


def why_unavailable() -> str | None:
    """What is missing for this module to work, in one sentence; None if nothing is."""
    try:
        import torch
    except ImportError:
        return "PyTorch is not installed"
    if torch.version.cuda is None:
        return "this PyTorch was built without CUDA"
    if not torch.cuda.is_available():
        return "PyTorch finds no CUDA device"
    try:
        _nvrtc()
    except OSError as error:
        return str(error)
    return None


def available() -> bool:
    """Whether the functions below can work on this machine."""
    return why_unavailable() is None


def version() -> str:
    """Version of NVRTC, which compiles the kernels."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check_nvrtc(_nvrtc().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return f"{major.value}.{minor.value}"


def intervals(parameters: Tensor, symbols: Tensor, shape: MixtureShape) -> Tensor:
    """What an encoder needs of the mixtures: the two CDF values of each symbol, 8 bytes.

    Args:
        parameters: float32, or int32 on the coder's grids, (pixels, P), of any strides.
        symbols: integers (pixels, C), each in 0..L-1, on the same device.
        shape: what a pixel holds.

    Returns:
        CDF at the symbol and at the next one, out of 2^24: int32 (pixels, C, 2) on the same device.

    Raises:
        TypeError, ValueError: as `range_coder.encode_mixture`; also for tensors on other devices.
        RuntimeError: no GPU, no NVRTC, or CUDA reports an error.
    """
    import torch

    kernels = _checked(parameters, shape)
    values = _check_symbols("symbols", symbols, parameters, shape)
    made = torch.empty((*values.shape, 2), dtype=torch.int32, device=values.device)
    status = torch.zeros(1, dtype=torch.int32, device=values.device)
    if len(values):
        kernels.launch(
            "l3c_intervals",
            _blocks(values.numel()),
            _BLOCK,
            kernels.source(parameters, shape),
            values,
            ctypes.c_int64(len(values)),
            made,
            status,
        )
    _check_status(int(status), parameters, values, shape)
    return made


def encode_mixture(symbols: Tensor, parameters: Tensor, shape: MixtureShape) -> bytes:
    """Codes symbols under their mixtures; see `range_coder.encode_mixture` and `intervals`."""
    import torch

    cut = intervals(parameters, symbols, shape)
    pixels = len(cut)
    if not pixels:
        return b""
    lanes = lane_count(pixels)
    capacity = 4 * -(-pixels // lanes) * shape.channels + 16
    out = torch.empty((lanes, capacity), dtype=torch.uint8, device=cut.device)
    sizes = torch.empty(lanes, dtype=torch.int64, device=cut.device)
    _kernels(cut.device).launch(
        "l3c_encode",
        -(-lanes // _WARP),
        _WARP,
        cut,
        ctypes.c_int64(pixels),
        ctypes.c_int32(shape.channels),
        ctypes.c_int32(lanes),
        out,
        ctypes.c_int64(capacity),
        sizes,
    )
    lengths = sizes.tolist()
    coded = out[:, : max(lengths)].cpu().numpy()
    head = b"".join(_leb128(size) for size in lengths[:-1])
    return head + b"".join(row[:size].tobytes() for row, size in zip(coded, lengths, strict=True))


def decode_mixture(data: bytes, parameters: Tensor, shape: MixtureShape) -> Tensor:
    """Inverse of `encode_mixture`, given the same parameters; see `range_coder.decode_mixture`.

    Returns:
        Symbols, int32 (pixels, C), on the device of the parameters. (PyTorch's uint16 lacks most
        operations.)

    Raises:
        CorruptStreamError: the lengths of the lanes do not fit the data.
        TypeError, ValueError, RuntimeError: as `intervals`.
    """
    import torch

    kernels = _checked(parameters, shape)
    pixels, place = len(parameters), parameters.device
    symbols = torch.empty((pixels, shape.channels), dtype=torch.int32, device=place)
    if not pixels:
        if data:
            raise CorruptStreamError(f"stream of no symbols has {len(data)} bytes")
        return symbols
    lanes = lane_count(pixels)
    body, offsets = _split_lanes(data, lanes)
    status = torch.zeros(1, dtype=torch.int32, device=place)
    kernels.launch(
        "l3c_decode",
        lanes,
        _WARP,
        kernels.source(parameters, shape),
        torch.from_numpy(np.array(body)).to(place),  # the stream itself is read-only
        torch.from_numpy(offsets.astype(np.int64)).to(place),
        ctypes.c_int64(pixels),
        ctypes.c_int32(lanes),
        symbols,
        status,
    )
    _check_status(int(status), parameters, symbols, shape)
    return symbols


def mixture_cdf(
    parameters: Tensor, shape: MixtureShape, channel: int = 0, before: Tensor | None = None
) -> Tensor:
    """The CDFs that the coder uses, in full: int32 (pixels, L + 1); see `range_coder.mixture_cdf`.

    For comparing devices: each value is computed by itself.
    """
    import torch

    kernels = _checked(parameters, shape)
    if not 0 <= channel < shape.channels:
        raise ValueError(f"channel must be in 0..{shape.channels - 1}, got {channel}")
    pixels, place = len(parameters), parameters.device
    given = torch.zeros((pixels, shape.channels), dtype=torch.int32, device=place)
    if before is not None:
        given = _check_symbols("before", before, parameters, shape)
        if bool(((given < 0) | (given >= shape.levels)).any()):
            _check_status(_OUT_OF_RANGE, parameters, given, shape)
    made = torch.empty((pixels, shape.levels + 1), dtype=torch.int32, device=place)
    status = torch.zeros(1, dtype=torch.int32, device=place)
    if pixels:
        kernels.launch(
            "l3c_cdf",
            _blocks(made.numel()),
            _BLOCK,
            kernels.source(parameters, shape),
            given,
            ctypes.c_int64(pixels),
            ctypes.c_int32(channel),
            made,
            status,
        )
    # A kernel reads one channel; a bad parameter of another is none of its business, as on the CPU.
    _check_status(int(status), parameters, given, shape)
    return made


def _checked(parameters: Tensor, shape: MixtureShape) -> Kernels:
    """Checks the parameters at the border and returns the kernels of their device."""
    import torch

    if parameters.dtype not in (torch.float32, torch.int32):
        raise TypeError(f"parameters must be float32 or int32, got {parameters.dtype}")
    if parameters.ndim != 2 or parameters.shape[1] != shape.parameters:
        raise ValueError(
            f"parameters must be (pixels, {shape.parameters}), got {tuple(parameters.shape)}"
        )
    return _kernels(parameters.device)


def _check_symbols(name: str, symbols: Tensor, parameters: Tensor, shape: MixtureShape) -> Tensor:
    import torch

    if symbols.is_floating_point() or symbols.is_complex() or symbols.dtype == torch.bool:
        raise TypeError(f"{name} must be integers, got {symbols.dtype}")
    expected = (len(parameters), shape.channels)
    if tuple(symbols.shape) != expected:
        raise ValueError(f"{name} must have shape {expected}, got {tuple(symbols.shape)}")
    if symbols.device != parameters.device:
        raise ValueError(f"{name} on {symbols.device}, parameters on {parameters.device}")
    if symbols.dtype in (torch.int64, torch.uint32, torch.uint64):  # may not fit 32 bits
        symbols = symbols.to(torch.int64).clamp(-1, shape.levels)
    return symbols.to(torch.int32).contiguous()


def _check_status(status: int, parameters: Tensor, symbols: Tensor, shape: MixtureShape) -> None:
    """Raises the error that a kernel reports, naming the first element."""
    if status & _OUT_OF_RANGE:
        at = tuple(((symbols < 0) | (symbols >= shape.levels)).nonzero()[0].tolist())
        raise ValueError(f"symbol at {at} is not in 0..{shape.levels - 1}")
    if status & _NOT_FINITE:
        pixel, index = (~parameters.isfinite()).nonzero()[0].tolist()
        value = float(parameters[pixel, index])
        raise ValueError(f"parameter {index} of pixel {pixel} is {value}, must be finite")


def _blocks(threads: int) -> int:
    return min(-(-threads // _BLOCK), _MOST_BLOCKS)


class _Tables(ctypes.Structure):
    """`mix_tables` of mixture_cdf.h."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("sigmoid", "inverse_sigma", "reach", "exp")]


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


def _kernels(place: device) -> Kernels:
    if place.type != "cuda":
        raise ValueError(f"tensors must be on a CUDA device, got {place}; see coder.range_coder")
    missing = why_unavailable()
    if missing:
        raise RuntimeError(f"coder.cuda cannot be used: {missing}")
    return _cuda_kernels(place)


@functools.cache
def _cuda_kernels(place: device) -> Kernels:
    return _CudaKernels(place)


def compile_kernels(major: int, minor: int) -> bytes:
    """Machine code of all kernels for GPUs of this compute capability; needs no GPU.

    For a GPU that is newer than NVRTC: PTX, which the driver compiles.

    Raises:
        RuntimeError: with the compiler's messages.
    """
    nvrtc = _nvrtc()
    count = ctypes.c_int()
    _check_nvrtc(nvrtc.nvrtcGetNumSupportedArchs(ctypes.byref(count)))
    known = (ctypes.c_int * count.value)()
    _check_nvrtc(nvrtc.nvrtcGetSupportedArchs(known))
    wanted = 10 * major + minor
    native = wanted in known
    target = f"sm_{wanted}" if native else f"compute_{max(a for a in known if a < wanted)}"
    options = [f"--gpu-architecture={target}".encode(), b"--std=c++17"]

    texts = [(_HERE / name).read_bytes() for name in _HEADERS]
    program = ctypes.c_void_p()
    _check_nvrtc(
        nvrtc.nvrtcCreateProgram(
            ctypes.byref(program),
            (_HERE / "mixture_cdf.cu").read_bytes(),
            b"mixture_cdf.cu",
            len(texts),
            (ctypes.c_char_p * len(texts))(*texts),
            (ctypes.c_char_p * len(texts))(*(name.encode() for name in _HEADERS)),
        )
    )
    try:
        failed = nvrtc.nvrtcCompileProgram(
            program, len(options), (ctypes.c_char_p * len(options))(*options)
        )
        if failed:
            log = _nvrtc_text(program, "ProgramLog").rstrip(b"\0").decode()
            raise RuntimeError(f"NVRTC {version()} cannot compile mixture_cdf.cu:\n{log}")
        return _nvrtc_text(program, "CUBIN" if native else "PTX")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _nvrtc_text(program: ctypes.c_void_p, what: str) -> bytes:
    """What a program holds: its ProgramLog, CUBIN or PTX."""
    size = ctypes.c_size_t()
    _check_nvrtc(getattr(_nvrtc(), f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    _check_nvrtc(getattr(_nvrtc(), f"nvrtcGet{what}")(program, text))
    return text.raw


def _check_nvrtc(result: int) -> None:
    if result:
        describe = _nvrtc().nvrtcGetErrorString
        describe.restype = ctypes.c_char_p
        raise RuntimeError(f"NVRTC: {describe(result).decode()}")


@functools.cache
def _nvrtc() -> ctypes.CDLL:
    """The run-time compiler: of the wheels that PyTorch needs, inside PyTorch, or the system's."""
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
