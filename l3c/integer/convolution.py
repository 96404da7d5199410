"""A convolution of integers with its requantization, and the proof that nothing is rounded.

    y = clip(rne(a / 2^shift) + residual, low, high),    a = bias + sum of weight * x

for each output channel, where rne rounds to the nearest integer, ties to even. All numbers are
integers; they are carried in floating point, in which sums and products of integers are exact as
long as none exceeds 2^24 (float32). `IntegerConvolution.check` proves that none does, in whatever
order a library adds them up. Bounds are the smallest and largest value of each channel, int64
(2, C).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from l3c.nn.layers import Conv

CARRIER_BITS = 24  # float32 holds every integer of magnitude up to 2^24
MOST_TERMS = 1 << 14  # of a filter: 2^24 weights times 2^24 inputs then fit 64 bits


class BoundError(ValueError):
    """An integer of the decoder path could leave its carrier: the model cannot be exact."""


def largest_sum(weight: Tensor, bias: Tensor, inputs: Tensor) -> Tensor:
    """Largest magnitude of any partial sum of a convolution, (O,).

    A partial sum, in any order, lies between the sum of all negative terms and that of all positive
    ones. Zero padding leaves terms out.

    Args:
        weight: int64 (O, I, k, k).
        bias: int64 (O,).
        inputs: bounds of its inputs.
    """
    low, high = inputs[:, :, None, None]
    ends = torch.stack([weight * low, weight * high, torch.zeros_like(weight)])
    most = ends.amax(0).sum((1, 2, 3)) + bias.clamp(min=0)
    least = ends.amin(0).sum((1, 2, 3)) + bias.clamp(max=0)
    return torch.maximum(most, -least)


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
        self.dilation = like.dilation[0]
        self.padding = self.dilation * (like.kernel_size[0] // 2)
        self.register_buffer("weight", torch.zeros(like.weight.shape, dtype=torch.int32))
        for name in ("bias", "shift", "low", "high"):
            self.register_buffer(name, torch.zeros(like.out_channels, dtype=torch.int32))
        self._carriers: tuple[Tensor, Tensor, Tensor, Tensor] | None = None

    @property
    def bounds(self) -> Tensor:
        """Of the outputs."""
        return torch.stack([self.low, self.high]).cpu().long()

    def check(self, inputs: Tensor, residual: Tensor | None, name: str) -> int:
        """The largest magnitude that any partial sum can have.

        Args:
            inputs: bounds of what it gets.
            residual: bounds of what is added to its rounded result.
            name: of the convolution, for the message.

        Raises:
            BoundError: it exceeds 2^24, or clipping is not defined.
        """
        weight, bias, shift = (part.cpu().long() for part in (self.weight, self.bias, self.shift))
        limit = 1 << CARRIER_BITS
        if bool((self.low > self.high).any()):
            raise BoundError(f"{name}: clips to an empty range")
        if shift.abs().max() > CARRIER_BITS:
            raise BoundError(f"{name}: shifts by more than {CARRIER_BITS} bits")
        # First the integers themselves, so that no term below leaves 2^48, and no sum 64 bits.
        if max(weight.abs().max(), bias.abs().max()) > limit or weight[0].numel() > MOST_TERMS:
            raise BoundError(f"{name}: weights or terms beyond any proof")
        sums = largest_sum(weight, bias, inputs)
        largest = int(max(sums.max(), self.bounds.abs().max()))
        if residual is not None:
            # Without one, a negative shift only moves the exponent of an exact sum.
            results = torch.ldexp(sums.double(), -shift).ceil() + residual.abs().amax(0)
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

        In float32, which carries them inside `exact_arithmetic`, or in int64 on the CPU.
        """
        if x.dtype == torch.int64:
            return self._in_int64(x, residual)
        assert self._carriers is not None
        weight, bias, low, high = self._carriers
        y = functional.conv2d(x, weight, bias, padding=self.padding, dilation=self.dilation)
        y = y.round_()
        if residual is not None:
            y = y.add_(residual)
        return torch.clamp(y, low, high, out=y)

    def _in_int64(self, x: Tensor, residual: Tensor | None) -> Tensor:
        """The definition, slowly, where nothing can overflow or be rounded."""
        shift, low, high = (
            part.long()[:, None, None] for part in (self.shift, self.low, self.high)
        )
        weight, bias = self.weight.long(), self.bias.long()
        a = functional.conv2d(x, weight, bias, padding=self.padding, dilation=self.dilation)
        y = round_shift(a, shift)
        return (y if residual is None else y + residual).clamp(low, high)


def round_shift(a: Tensor, shift: Tensor) -> Tensor:
    """A / 2^shift in int64, rounded to the nearest integer, ties to even."""
    right, left = shift.clamp(min=0), (-shift).clamp(min=0)
    whole, half = a >> right, (1 << right) >> 1
    rest = a - (whole << right)
    up = (rest > half) | ((rest == half) & (whole & 1 == 1) & (right > 0))
    return (whole + up) << left
