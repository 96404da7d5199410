"""Bytes do not depend on what the calling program has set PyTorch to.

Autocast, the default dtype, matrix multiplications of lower precision and the like change the last
bits of a network's results, and with them the bytes of a file and whether it can be decoded.

Convolutions of integers up to 2^24, carried in float32, are exact as long as they are what their
definition says: products and sums, in any order, fused or not. docs/integer.md lists the ways in
which libraries deviate. Operands rounded to bfloat16 or TF32 are ruled out by `fixed_state`.
Transformed algorithms (Winograd, FFT), whose transforms have fractions, are NNPACK's and cuDNN's,
which `exact_arithmetic` switches off; PyTorch asks oneDNN for its direct algorithm only.

Environment variables can still overrule these settings, and a library can change: `check_exact`
tries. The settings belong to the process: while integers are predicted in one thread,
floating-point results in another may differ in their last bits from those at other times.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn import functional

IEEE = "ieee"
"""`fp32_precision` of products that are not rounded to TF32 or bfloat16."""


class InexactError(RuntimeError):
    """This machine, or a setting of it, rounds inside convolutions of integers."""


@contextmanager
def fixed_state(*, inference: bool = True) -> Iterator[None]:
    """In this context PyTorch is in the state of a fresh process, whatever the caller's state is.

    The state is put back afterwards. The number of threads is not part of it. Use it as a decorator
    too.

    Args:
        inference: inference mode; without it, tensors that are made can be trained.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(inference))
        for device in ("cpu", "cuda") if torch.cuda.is_initialized() else ("cpu",):
            stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(_FRESH)
        yield


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """In this context float32 convolutions are exact on integers up to 2^24."""
    with fixed_state(), _WITHOUT_TRANSFORMS:
        yield


def check_exact(device: torch.device, channels: int) -> None:
    """Compares convolutions of large integers, carried in float32, with the same in int64.

    bfloat16, TF32, each of them in two parts, and Winograd's smallest algorithm fail it.

    Args:
        device: to run on.
        channels: inputs and outputs of the convolution, as in the model.

    Raises:
        InexactError: they differ.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(-4095, 4096, (2, channels, 16, 16), generator=generator)
    # 4095 * 15 * 16 * 9 < 2^24, and 12 bits are more than the operands of bfloat16 or TF32 have.
    many = torch.randint(-15, 16, (channels, channels, 3, 3), generator=generator)
    many[:, min(channels, 16) :] = 0
    # One weight of 12 bits in each filter: products of 24 bits, which operands in two parts, or
    # transformed ones, do not give.
    single = torch.zeros_like(many)
    rows = torch.arange(channels)
    single.flatten(1)[rows, 7 * rows % single[0].numel()] = 2049 + 2 * (37 * rows % 1023)
    patches = functional.unfold(x.double(), 3, padding=1).long()
    for w in (many, single):
        with exact_arithmetic():
            y = functional.conv2d(x.float().to(device), w.float().to(device), padding=1).cpu()
        if not torch.equal(y.long(), (w.flatten(1) @ patches).view(y.shape)):
            raise InexactError(
                f"PyTorch {torch.__version__} rounds inside float32 convolutions on {device.type} "
                "here, so that nothing can be decoded exactly: look for environment variables that "
                "lower its precision (NVIDIA_TF32_OVERRIDE, ONEDNN_DEFAULT_FPMATH_MODE)"
            )


class _ProcessSettings:
    """Settings of the process, changed while any thread is inside.

    Args:
        change: applies the settings; the stack that it is given puts the former ones back.
    """

    def __init__(self, change: Callable[[ExitStack], None]) -> None:
        self._change, self._lock = change, threading.Lock()
        self._threads, self._before = 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._threads:
                self._change(self._before)
            self._threads += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                self._before.close()


def _put(stack: ExitStack, holder: Any, name: str, value: object) -> None:
    before = getattr(holder, name)
    if before != value:
        stack.callback(setattr, holder, name, before)
        setattr(holder, name, value)


def _fresh(stack: ExitStack) -> None:
    stack.callback(torch.set_default_dtype, torch.get_default_dtype())
    torch.set_default_dtype(torch.float32)
    stack.callback(
        torch.use_deterministic_algorithms,
        torch.are_deterministic_algorithms_enabled(),
        warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(False)
    mkldnn: Any = torch.backends.mkldnn
    for holder in (mkldnn.conv, mkldnn.matmul):
        _put(stack, holder, "fp32_precision", IEEE)
    _put(stack, mkldnn, "enabled", True)
    _put(stack, mkldnn, "deterministic", False)
    if torch.version.cuda is not None:
        cudnn: Any = torch.backends.cudnn
        for name, value in (("enabled", True), ("benchmark", False), ("deterministic", False)):
            _put(stack, cudnn, name, value)
        _put(stack, cudnn.conv, "fp32_precision", "tf32")
        _put(stack, torch.backends.cuda.matmul, "fp32_precision", IEEE)


def _without_transforms(stack: ExitStack) -> None:
    stack.enter_context(torch.backends.nnpack.flags(enabled=False))
    if torch.version.cuda is not None:
        _put(stack, torch.backends.cudnn, "enabled", False)


_FRESH, _WITHOUT_TRANSFORMS = _ProcessSettings(_fresh), _ProcessSettings(_without_transforms)
