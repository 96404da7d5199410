"""Bytes do not depend on what the calling program has set PyTorch to.

Autocast, the default dtype, matrix multiplications of lower precision and the like change the last
bits of a network's results, and with them the bytes of a file and whether it can be decoded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

IEEE = "ieee"
"""`fp32_precision` of products that are not rounded to TF32 or bfloat16."""


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


class ProcessSettings:
    """Settings of the process, changed while any thread is inside.

    Args:
        change: applies the settings and returns what puts the former ones back.
    """

    def __init__(self, change: Callable[[], ExitStack]) -> None:
        self._change = change
        self._lock = threading.Lock()
        self._threads = 0
        self._before = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._threads:
                self._before = self._change()
            self._threads += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                self._before.close()


@contextmanager
def attribute(holder: object, name: str, value: object) -> Iterator[None]:
    """In this context an attribute has a value; it is only written where it differs."""
    before = getattr(holder, name)
    if before == value:
        yield
        return
    setattr(holder, name, value)
    try:
        yield
    finally:
        setattr(holder, name, before)


def _fresh() -> ExitStack:
    stack, backends = ExitStack(), torch.backends
    stack.callback(torch.set_default_dtype, torch.get_default_dtype())
    torch.set_default_dtype(torch.float32)
    stack.callback(
        torch.use_deterministic_algorithms,
        torch.are_deterministic_algorithms_enabled(),
        warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(False)
    cuda: list[tuple[Any, str, object]] = [
        (backends.cudnn, "enabled", True),
        (backends.cudnn, "benchmark", False),
        (backends.cudnn, "deterministic", False),
        (getattr(backends.cudnn, "conv", None), "fp32_precision", "tf32"),
        (backends.cuda.matmul, "fp32_precision", IEEE),
    ]
    mkldnn: Any = backends.mkldnn
    for holder, name, value in [
        (mkldnn, "enabled", True),
        (mkldnn, "deterministic", False),
        (mkldnn.conv, "fp32_precision", IEEE),
        (mkldnn.matmul, "fp32_precision", IEEE),
        *(cuda if torch.version.cuda is not None else []),
    ]:
        stack.enter_context(attribute(holder, name, value))
    return stack


_FRESH = ProcessSettings(_fresh)
