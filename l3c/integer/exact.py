"""Keeps PyTorch from rounding sums and products of integers that are carried in float32.

Float32 is exact on integers up to 2^24 as long as a convolution is what its definition says:
products and sums, in any order, fused or not. docs/integer.md lists the ways in which libraries
deviate. Operands rounded to bfloat16 or TF32 are ruled out by `fixed_state`. Transformed algorithms
(Winograd, FFT), whose transforms have fractions, are NNPACK's and cuDNN's, which are off; PyTorch
asks oneDNN for its direct algorithm only.

Environment variables can still overrule these settings, and a library can change: `check` tries.
The settings belong to the process: while integers are predicted in one thread, floating-point
results in another may differ in their last bits from those at other times.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.nn import functional

from l3c.torch_state import ProcessSettings, attribute, fixed_state


class InexactError(RuntimeError):
    """This machine, or a setting of it, rounds inside convolutions of integers."""


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """In this context float32 convolutions are exact on integers up to 2^24."""
    with fixed_state(), _WITHOUT_TRANSFORMS:
        yield


def _without_transforms() -> ExitStack:
    stack = ExitStack()
    stack.enter_context(torch.backends.nnpack.flags(enabled=False))
    if torch.version.cuda is not None:
        stack.enter_context(attribute(torch.backends.cudnn, "enabled", False))
    return stack


_WITHOUT_TRANSFORMS = ProcessSettings(_without_transforms)


def check(device: torch.device, channels: int) -> None:
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
