"""Quantizer: symbols and values are inverses, the gradient is that of the soft assignment."""

import torch

from l3c.nn.quantizer import SOFTNESS, quantize, to_symbols, to_values


def test_symbols_and_values_are_inverses() -> None:
    for levels in (2, 25, 255):
        symbols = torch.arange(levels)
        assert torch.equal(to_symbols(to_values(symbols, levels), levels), symbols)


def test_nearest_level_wins_and_the_ends_clip() -> None:
    z = torch.tensor([-7.0, -1.0, -0.97, 0.03, 0.05, 1.2])
    assert to_symbols(z, 25).tolist() == [0, 0, 0, 12, 13, 24]


def test_gradient_is_that_of_the_soft_assignment() -> None:
    z = torch.tensor([-0.6, 0.1, 0.9], dtype=torch.float32, requires_grad=True)
    values, symbols = quantize(z, 25)
    assert torch.equal(values.detach(), to_values(symbols, 25))
    values.sum().backward()
    copy = z.detach().clone().requires_grad_()
    levels = to_values(torch.arange(25), 25)
    weights = torch.softmax(-SOFTNESS * (copy.unsqueeze(-1) - levels) ** 2, -1)
    (weights * levels).sum().backward()
    assert z.grad is not None
    assert torch.allclose(z.grad, copy.grad)
