"""Keeps PyTorch from rounding sums and products of integers that are carried in float32.

Float32 is exact on integers up to 2^24 as long as a convolution is what its definition says:
products and sums, in any order, fused or not. These are the ways in which libraries are known to
deviate, and what is done against each:

* operands rounded to bfloat16 or TF32: oneDNN's and cuBLAS's `fp32_precision` is "ieee", autocast
  is off;
* transformed algorithms (Winograd, FFT), whose transforms have fractions: NNPACK, which PyTorch
  takes for batches of 16 and more where oneDNN is off, is off; oneDNN is only ever asked for its
  direct algorithm; cuDNN, which chooses among all of them, is off, and PyTorch then multiplies
  matrices with cuBLAS.

Environment variables can still overrule these settings, and a library can change. `check` runs two
convolutions that such arithmetic spoils (bfloat16, TF32, each of them in two parts, Winograd's
smallest: tried in emulation) and refuses to go on where one was. The settings belong to the
process: while integers are predicted in one thread, floating-point results in another may differ in
their last bits from those at other times.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.nn import functional

from l3c.torch_state import IEEE, ProcessSettings, attribute


class InexactError(RuntimeError):
    """This machine, or a setting of it, rounds inside convolutions of integers."""


@contextmanager
def exact_arithmetic(device: torch.device) -> Iterator[None]:
    """In this context float32 convolutions on a device are exact on integers up to 2^24."""
    # Inference mode and autocast belong to the thread, the rest to the process.
    with torch.inference_mode(), torch.autocast(device.type, enabled=False), _PROCESS:
        yield


def _exact() -> ExitStack:
    backends, stack = torch.backends, ExitStack()
    stack.enter_context(backends.nnpack.flags(enabled=False))
    for name in ("conv", "matmul"):
        stack.enter_context(attribute(getattr(backends.mkldnn, name), "fp32_precision", IEEE))
    if torch.version.cuda is not None:
        stack.enter_context(attribute(backends.cudnn, "enabled", False))
        stack.enter_context(attribute(backends.cuda.matmul, "fp32_precision", IEEE))
    return stack


_PROCESS = ProcessSettings(_exact)


def check(device: torch.device, channels: int) -> None:
    """Compares a convolution of large integers, carried in float32, with the same in int64.

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
    exact = True
    for w in (many, single):
        with exact_arithmetic(device):
            y = functional.conv2d(x.float().to(device), w.float().to(device), padding=1).cpu()
        exact &= torch.equal(y.long(), (w.flatten(1) @ patches).view(y.shape))
    if not exact:
        raise InexactError(
            f"PyTorch {torch.__version__} rounds inside float32 convolutions on {device.type} "
            "here, so that nothing can be decoded exactly: look for environment variables that "
            "lower its precision (NVIDIA_TF32_OVERRIDE, ONEDNN_DEFAULT_FPMATH_MODE)"
        )
