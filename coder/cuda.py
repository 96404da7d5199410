"""The mixture coder on CUDA tensors: the same streams as `coder.range_coder`, byte for byte.

    data = cuda.encode_mixture(symbols, parameters, shape)      # all on the GPU but for the bytes
    assert torch.equal(cuda.decode_mixture(data, parameters, shape), symbols)

Parameters may have any strides. A convolution's output (1, P, H, W) is best handed over as it lies,
`out[0].flatten(1).T`: neighbouring threads then read neighbouring addresses.

The kernels (mixture_cdf.cu) are compiled when first used; see `coder.cuda_kernels`.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from coder.cuda_kernels import Kernels, cuda_kernels, nvrtc_version
from coder.errors import CorruptStreamError
from coder.leb128 import join
from coder.range_coder import split_lanes
from coder.shape import MixtureShape, lane_count

if TYPE_CHECKING:
    from torch import Tensor, device

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
        nvrtc_version()
    except ImportError:
        return "cuda-bindings is not installed: pip install cuda-bindings of PyTorch's CUDA"
    except RuntimeError as error:
        return f"NVRTC, CUDA's run-time compiler, is missing: {str(error).splitlines()[0]}"
    return None


def available() -> bool:
    """Whether the functions below can work on this machine."""
    return why_unavailable() is None


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
    return join([row[:size].tobytes() for row, size in zip(coded, lengths, strict=True)])


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
    body, offsets = split_lanes(data, lanes)
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


def _kernels(place: device) -> Kernels:
    if place.type != "cuda":
        raise ValueError(f"tensors must be on a CUDA device, got {place}; see coder.range_coder")
    missing = why_unavailable()
    if missing:
        raise RuntimeError(f"coder.cuda cannot be used: {missing}")
    return cuda_kernels(place)
