"""A convolution of integers with its requantization, and the proof that nothing is rounded.

    y = clip(rne(a / 2^shift) + residual, low, high),    a = bias + sum of weight * x

for each output channel, where rne rounds to the nearest integer, ties to even. All numbers are
integers; they are carried in floating point, in which sums and products of integers are exact as
long as none exceeds 2^24 (float32). `IntegerConvolution.check` proves that none does, in whatever
order a library adds them up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from l3c.integer import reference
from l3c.nn.layers import Conv

CARRIER_BITS = 24  # float32 holds every integer of magnitude up to 2^24
MOST_TERMS = 1 << 14  # of a filter: 2^24 weights times 2^24 inputs then fit 64 bits

Integers = npt.NDArray[np.int64]


class BoundError(ValueError):
    """An integer of the decoder path could leave its carrier: the model cannot be exact."""


@dataclass(frozen=True)
class Bounds:
    """Smallest and largest value of each channel: int64 (C,)."""

    low: Integers
    high: Integers

    @property
    def magnitude(self) -> Integers:
        """Largest absolute value of each channel."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def largest_sum(self, weight: Integers, bias: Integers) -> Integers:
        """Largest magnitude of any partial sum of a convolution of such channels, (O,).

        A partial sum, in any order, lies between the sum of all negative terms and that of all
        positive ones. Zero padding leaves terms out.

        Args:
            weight: (O, I, k, k).
            bias: (O,).
        """
        low, high = (side[None, :, None, None] for side in (self.low, self.high))
        ends = np.stack([weight * low, weight * high, np.zeros_like(weight)])
        most = ends.max(axis=0).sum(axis=(1, 2, 3)) + np.maximum(bias, 0)
        least = ends.min(axis=0).sum(axis=(1, 2, 3)) + np.minimum(bias, 0)
        return np.maximum(most, -least)


class IntegerConvolution(nn.Module):
    """See the module. The integers are buffers, from which `prepare` makes their float carriers.

    Args:
        like: of the same shape, with zero padding that keeps H and W.
    """

    weight: Tensor
    bias: Tensor
    shift: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, like: Conv) -> None:
        super().__init__()
        self.dilation, self.padding = (
            like.dilation[0],
            like.dilation[0] * (like.kernel_size[0] // 2),
        )
        self.register_buffer("weight", torch.zeros(like.weight.shape, dtype=torch.int32))
        for name in ("bias", "shift", "low", "high"):
            self.register_buffer(name, torch.zeros(like.out_channels, dtype=torch.int32))
        self._carriers: tuple[Tensor, Tensor, Tensor, Tensor] | None = None

    @property
    def bounds(self) -> Bounds:
        """Of the outputs."""
        return Bounds(as_int64(self.low), as_int64(self.high))

    def check(self, inputs: Bounds, residual: Bounds | None, name: str) -> int:
        """The largest magnitude that any partial sum can have.

        Args:
            inputs: of the convolution.
            residual: of what is added to its rounded result.
            name: of the convolution, for the message.

        Raises:
            BoundError: it exceeds 2^24, or clipping is not defined.
        """
        weight, bias, shift = as_int64(self.weight), as_int64(self.bias), as_int64(self.shift)
        limit = 1 << CARRIER_BITS
        if bool((self.low > self.high).any()):
            raise BoundError(f"{name}: clips to an empty range")
        if np.abs(shift).max() > CARRIER_BITS:
            raise BoundError(f"{name}: shifts by more than {CARRIER_BITS} bits")
        # First the integers themselves, so that no term below leaves 2^48, and no sum 64 bits.
        if max(np.abs(weight).max(), np.abs(bias).max()) > limit or weight[0].size > MOST_TERMS:
            raise BoundError(f"{name}: weights or terms beyond any proof")
        sums = inputs.largest_sum(weight, bias)
        largest = int(max(sums.max(), self.bounds.magnitude.max()))
        if residual is not None:
            # Without one, a negative shift only moves the exponent of an exact sum.
            results = np.ceil(np.ldexp(sums.astype(np.float64), -shift)) + residual.magnitude
            largest = max(largest, int(results.max()))
        if largest > limit:
            raise BoundError(
                f"{name}: a partial sum can reach {largest}, more than 2^{CARRIER_BITS} = {limit}"
            )
        return largest

    def prepare(self, memory_format: torch.memory_format) -> None:
        """Makes the float32 carriers, on the device of the buffers.

        The weights carry 2^-shift, which is exact, so that the convolution already gives a /
        2^shift.
        """
        scale = torch.exp2(-self.shift.float())
        weight = (self.weight.float() * scale.view(-1, 1, 1, 1)).contiguous(
            memory_format=memory_format
        )
        low, high = (side.float().view(1, -1, 1, 1) for side in (self.low, self.high))
        self._carriers = weight, self.bias.float() * scale, low, high

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Integers (N, I, H, W) and (N, O, H, W) -> (N, O, H, W).

        In float32, which carries them inside `exact.exact_arithmetic`, or in int64, by the
        reference.
        """
        if x.dtype == torch.int64:
            return reference.convolution(self, x, residual)
        assert self._carriers is not None
        weight, bias, low, high = self._carriers
        y = functional.conv2d(x, weight, bias, padding=self.padding, dilation=self.dilation)
        y = y.round_()
        if residual is not None:
            y = y.add_(residual)
        return torch.clamp(y, low, high, out=y)


def as_int64(values: Tensor) -> Integers:
    """Of any integer tensor, on the CPU."""
    return values.cpu().numpy().astype(np.int64)
