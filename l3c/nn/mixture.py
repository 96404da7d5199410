"""Discretized logistic mixture: parameters, log-likelihood, sampling (L3C Sec. 3.4).

Everything is in units of symbols: the bin of symbol v is [v - 1/2, v + 1/2]; the lowest and the
highest symbol also get the tails.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from coder import _mixture_loss
from coder.shape import MixtureShape
from coder.tables import FREQUENCY_BITS, parameter_grids


class Mixture(NamedTuple):
    """Parameters, channels last.

    logits, mu, log_sigma: (N, H, W, C, K). lam: (N, H, W, C (C-1) / 2, K), None if not coupled.
    """

    logits: Tensor
    mu: Tensor
    log_sigma: Tensor
    lam: Tensor | None


def limits(shape: MixtureShape, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Least and largest value of each parameter in the coder (CDF.md): float32 (1, P, 1, 1)."""
    bits, *ends = (torch.from_numpy(values) for values in parameter_grids(shape))
    low, high = (torch.ldexp(end.float(), -bits).view(1, -1, 1, 1).to(device) for end in ends)
    return low, high


def limit(parameters: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Parameters clipped to a range, which a gradient can lead back into.

    Without an upper limit the first steps of RMSprop, ten times its learning rate, drive log sigma
    above 100, where exp(-log sigma) underflows; with one that stops every gradient, sigma stays
    there. Below `low` there is no gradient, as in the authors' release.

    Args:
        parameters: float (N, P, H, W).
        low: see `limits`.
        high: see `limits`.
    """
    clipped: Tensor = _Limit.apply(parameters, low, high)
    return clipped


def split(mixture_params: Tensor, shape: MixtureShape) -> Mixture:
    """Views of the classifier's output (N, P, H, W) by kind of parameter."""
    last = mixture_params.permute(0, 2, 3, 1).unflatten(-1, (-1, shape.mixtures))
    c = shape.channels
    logits, mu, log_sigma, lam = last.tensor_split((c, 2 * c, 3 * c), dim=-2)
    if shape.sigmoid:
        lam = torch.sigmoid(lam)
    return Mixture(logits, mu, log_sigma, lam if shape.coupled else None)


def couple(mu: Tensor, lam: Tensor, x: Tensor) -> Tensor:
    """Means given the channels before (Eq. 7).

    Args:
        mu: (N, H, W, 3, K).
        lam: (N, H, W, 3, K): G from R, B from R, B from G.
        x: symbols of the three channels, float (N, H, W, 3, 1).
    """
    r, g = x[..., 0, :], x[..., 1, :]
    green = mu[..., 1, :] + lam[..., 0, :] * r
    blue = mu[..., 2, :] + lam[..., 1, :] * r + lam[..., 2, :] * g
    return torch.stack((mu[..., 0, :], green, blue), dim=-2)


def negative_log_likelihood(x: Tensor, params: Mixture, levels: int) -> Tensor:
    """-log p of each symbol under its mixture (Eqs. 5 to 7), in nats.

    Args:
        x: symbols, float (N, C, H, W), in 0..levels - 1; gets a gradient (z is learned).
        params: of the mixture.
        levels: L.

    Returns:
        float32 (N, H, W, C), all >= 0.
    """
    target = x.permute(0, 2, 3, 1).unsqueeze(-1)
    mu = params.mu if params.lam is None else couple(params.mu, params.lam, target)
    log_p = _LogBin.apply(target, mu.float(), params.log_sigma.float(), levels)
    joint = torch.log_softmax(params.logits.float(), dim=-1) + log_p
    return -torch.logsumexp(joint, dim=-1)


def nats_of_outputs(
    x: Tensor, outputs: Tensor, units: Tensor, shape: MixtureShape, centred: bool
) -> Tensor:
    """-log p of all symbols, summed, of a network's outputs in its own units, on the CPU.

    The same as `negative_log_likelihood`, `split` and `Units` in one pass over the memory.

    Args:
        x: symbols, float32 (N, C, H, W); gets a gradient where channels are not coupled.
        outputs: of the network, float32 (N, P, H, W).
        units: scale, shift, low and high of `Units`, float32 (4, P).
        shape: of the mixture.
        centred: see `Units`.

    Returns:
        float32 ().
    """
    nats: Tensor = _NatsOfOutputs.apply(outputs, x, units, shape, centred)
    return nats


def with_probability_floor(nats: Tensor, levels: int) -> Tensor:
    """-log of the probability that the coder gives symbols of these -log p, in nats.

    Every symbol keeps one of 2^24 (coder/CDF.md, Sec. 4): p' = (1 - L 2^-24) p + 2^-24. Without it
    a saturated colour that the network does not expect would count hundreds of bits, and cost 24.

    Args:
        nats: -log p, see `negative_log_likelihood`.
        levels: L.

    Returns:
        float64, the shape of `nats`.
    """
    least = 2.0**-FREQUENCY_BITS
    return -torch.log((1 - levels * least) * torch.exp(-nats.double()) + least)


def sample(params: Mixture, levels: int, generator: torch.Generator) -> Tensor:
    """Symbols drawn from their mixtures, each channel given those before it (Eq. 7).

    Args:
        params: of the mixture.
        levels: L.
        generator: of the random numbers, on the device of the parameters.

    Returns:
        int64 (N, C, H, W), in 0..levels - 1.
    """
    gumbel = -torch.log(-torch.log(_uniform(params.logits, generator)))
    component = (params.logits + gumbel).argmax(dim=-1, keepdim=True)
    chosen = params.log_sigma.gather(-1, component)[..., 0]
    noise = torch.exp(chosen) * torch.logit(_uniform(chosen, generator))
    drawn = torch.zeros_like(noise)  # (N, H, W, C)
    for c in range(drawn.shape[-1]):
        mu = params.mu
        if params.lam is not None:
            mu = couple(params.mu, params.lam, drawn.unsqueeze(-1))
        mean = mu.gather(-1, component)[..., c, 0]
        drawn[..., c] = (mean + noise[..., c]).round().clamp(0, levels - 1)
    return drawn.long().permute(0, 3, 1, 2)


def _uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    """Random numbers strictly between 0 and 1, of a tensor's shape."""
    drawn = torch.rand(like.shape, generator=generator, device=like.device)
    return drawn.clamp(1e-6, 1 - 1e-6)


class _Limit(torch.autograd.Function):
    """Clips; a gradient passes that would move a value above `high` down."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        ctx.save_for_backward(x, low, high)
        return torch.clamp(x, low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, low, high = ctx.saved_tensors
        passes = (x >= low) & ((x <= high) | (grads[0] > 0))
        return grads[0] * passes, None, None


class _NatsOfOutputs(torch.autograd.Function):
    """Sum and gradients of coder/mixture_loss.c."""

    @staticmethod
    def forward(
        ctx: Any, outputs: Tensor, x: Tensor, units: Tensor, shape: MixtureShape, centred: bool
    ) -> Tensor:
        rows = [each.permute(0, 2, 3, 1).contiguous() for each in (outputs, x)]
        count = 0 if not any(ctx.needs_input_grad) else 1 if shape.coupled else 2
        gradients = [torch.empty_like(each) for each in rows[:count]]
        y, symbols, *by = (each.flatten(0, 2).numpy() for each in (*rows, *gradients))
        by_y, by_x = (*by, None, None)[:2]
        work = np.empty((4 * shape.parameters, _mixture_loss.BLOCK), np.float32)
        nats = _mixture_loss.loss(shape, centred, units.numpy(), y, symbols, by_y, by_x, work)
        ctx.save_for_backward(*gradients)
        return outputs.new_tensor(nats)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        found = [(grads[0] * each).permute(0, 3, 1, 2) for each in ctx.saved_tensors]
        return *found, *[None] * (5 - len(found))


class _LogBin(torch.autograd.Function):
    """log of the mass that a logistic gives the bin of x, with its gradient computed alongside.

    With a = (x + 1/2 - mu) / sigma and b = (x - 1/2 - mu) / sigma,

        sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)),

    whose logarithm never underflows: no clamp and no density fallback are needed.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, mu: Tensor, log_sigma: Tensor, levels: int) -> Tensor:
        width = torch.exp(-log_sigma)
        centre = (x - mu) * width
        a = centre + 0.5 * width
        b = centre - 0.5 * width
        lowest, highest = x < 0.5, x > levels - 1.5
        has_a, has_b = ~highest, ~lowest  # the tails have one edge only
        inner = has_a & has_b
        gap = torch.log(-torch.expm1(-width))
        log_p = logsigmoid(a) * has_a + logsigmoid(-b) * has_b + gap * inner
        if any(ctx.needs_input_grad):
            up = torch.sigmoid(-a) * has_a  # d log_p / da
            down = torch.sigmoid(b) * has_b  # -d log_p / db
            by_mu = (down - up) * width
            by_gap = width / torch.expm1(width) * inner
            by_sigma = b * down - a * up - by_gap
            ctx.save_for_backward(by_mu, by_sigma)
        return log_p

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        by_mu, by_sigma = ctx.saved_tensors
        mu_grad = grads[0] * by_mu
        x_grad = -mu_grad.sum(-1, keepdim=True) if ctx.needs_input_grad[0] else None
        return x_grad, mu_grad, grads[0] * by_sigma, None
