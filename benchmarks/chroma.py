"""What it is worth to code R and B after all of G, where colour was stored at every fourth pixel.

    python -m benchmarks.chroma TRAINING TEST KODAK [--kinds photocd jpeg ordinary] [--steps 2400]

trains two kinds of networks on the same crops, about 50,000 products a pixel each, and prints their
cross-entropy in bpsp on centre crops of 256x256. "joint" is as released (coder/CAUSAL.md): R, G and
B of a pixel from 24 pixels before it. "planes" codes G from 24 pixels before; then R and B at even
rows and columns from G on all sides and 24 such pixels before; then R and B at the other quarters,
one after the other, from all of G and what is known of R and B, as offsets from the interpolation.
Photographs are as `colour_planes.simulated` makes them; Kodak's begin at the phase that is found.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.colour_planes import KINDS, Pixels, centre, phases, read, simulated
from coder.causal import pixel_bits
from coder.shape import MixtureShape
from l3c.models.causal import CausalCodec
from l3c.models.causal_network import Causal, CausalSettings, bits_and_gradients
from l3c.models.zoo import open_codec
from l3c.nn.mixture import nats_of_outputs
from l3c.training.state import Muon

Bits = Callable[[Pixels], list[float]]
K = 4  # logistics of each mixture
MARGIN = 8  # pixels around a crop, which are neighbours only
TEST = 256 + 2 * MARGIN  # pixels of a side of the crops that are tested
BEFORE = [(y, x) for y in range(-3, 1) for x in range(-3, 4) if (y, x) < (0, 0)]
AROUND = [(y, x) for y in range(-3, 4) for x in range(-3, 4) if 0 < y * y + x * x <= 10]
NEXT = [(y, x) for y, x in AROUND if y * y + x * x <= 2]
ACROSS = (((0, -1), (0, -2)), ((-1, 0), (-1, -1)), ((-1, 0), (-1, 1)))  # W - WW, N - NW, N - NE
DOWN = (((0, -1), (-1, -1)), ((-1, 0), (-2, 0)), ((-1, 1), (-2, 1)))  # W - NW, N - NN, NE - NNE
QUARTERS = ((0, 0), (1, 1), (0, 1), (1, 0))  # first row and column of each, as they are coded


def random_crops(images: Sequence[Pixels], step: int) -> Pixels:
    """Crops of 32x32 with margins, (8, 32 + 2 MARGIN, 32 + 2 MARGIN, 3), from even positions."""
    rng, crops, full = np.random.default_rng([1, step]), [], 32 + 2 * MARGIN
    for _ in range(8):
        image = images[int(rng.integers(len(images)))]
        y, x = (2 * rng.integers((length - full) // 2 + 1) for length in image.shape[:2])
        crops.append(image[y : y + full, x : x + full])
    return np.stack(crops)


class Joint:
    """The causal family's network."""

    def __init__(self) -> None:
        self.network = Causal(CausalSettings(width=128, hidden=3, mixtures=K))
        self.network.initialize(0)
        self.squares = self.network.muon_params()

    def bits(self, crops: Pixels, learn: bool = False) -> list[float]:
        """Bits of the pixels within the margins; with `learn`, their gradients stay in `grad`."""
        part = crops[:, MARGIN - 3 : -MARGIN, MARGIN - 3 : 3 - MARGIN]
        bits, gradients = bits_and_gradients(self.network, part, learn)
        for parameter, gradient in zip(self.network.parameters(), gradients, strict=learn):
            parameter.grad = gradient
        return [bits]


class Stage(nn.Module):
    """Networks for one or two channels with hidden layers in common, first and last their own."""

    def __init__(self, inputs: Sequence[int], channels: int, width: int = 96) -> None:
        super().__init__()
        self.first = nn.ModuleList(nn.Linear(i, width) for i in inputs)
        self.squares = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.shape, count = MixtureShape(channels, 256, K), channels * K
        outputs = 3 * count + (channels - 1) * K
        self.last = nn.ModuleList(last := [nn.Linear(width, outputs) for _ in inputs])
        for layer in [*self.first, *self.squares, *last]:
            scale = 1 if layer.out_features == width else 0.2
            nn.init.normal_(layer.weight, std=scale / np.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)
        for linear in last:
            linear.bias.data[2 * count : 3 * count] = torch.linspace(0, 2.5, K).repeat(channels)
        units = ([1, 8, 1], [0, 0, 0], [-30, -1e4, -5], [30, 1e4, 8])
        self.units = torch.tensor(np.repeat(units, count, 1), dtype=torch.float32)

    def forward(self, i: int, inputs: list[Tensor], x: list[Tensor], means: list[Tensor]) -> Tensor:
        """Nats of x by network i, with offsets from `means`; B's moves with what R is off."""
        y, P = torch.stack(inputs).flatten(1).T / 16, self.shape.parameters
        for layer in [self.first[i], *self.squares]:
            y = nn.functional.leaky_relu(layer(y), 1 / 8)
        y = self.last[i](y)
        symbols, centred = torch.stack(x).flatten(1), torch.stack(means).flatten(1)
        logits, mu, log_sigma, lam = y.split([P // 3, P // 3, P // 3, y.shape[1] - P], 1)
        moved = nn.functional.pad(lam * (symbols - centred)[0, :, None], (P // 3 - lam.shape[1], 0))
        mu = mu + (centred.T.repeat_interleave(K, 1) + moved) / 8
        y = torch.cat([logits, mu, log_sigma], 1).T.view(1, P, 1, -1)
        return nats_of_outputs(symbols.view(1, len(x), 1, -1), y, self.units, self.shape, False)


@dataclass
class Plane:
    """Values (n, H, W), of which every `step`-th from `start` on within a margin is coded."""

    values: Tensor
    margin: int = MARGIN
    start: tuple[int, int] = (0, 0)
    step: int = 1

    def at(self, y: int, x: int) -> Tensor:
        """The neighbours at that offset of what is coded."""
        top, left = self.margin + self.start[0] + y, self.margin + self.start[1] + x
        bottom, right = (length - self.margin for length in self.values.shape[1:])
        return self.values[:, top : bottom + y : self.step, left : right + x : self.step]

    def less(self, offsets: Iterable[tuple[int, int]], prediction: Tensor | float) -> list[Tensor]:
        """The neighbours at all offsets, minus a prediction."""
        return [self.at(*offset) - prediction for offset in offsets]


def log(differences: Iterable[Tensor]) -> Tensor:
    """Of the sum of their absolute values, as an input."""
    return 16 * torch.log2(torch.stack(list(differences)).abs().sum(0) + 1) - 64


def causal(plane: Plane) -> tuple[Tensor, list[Tensor]]:
    """MED, and 28 inputs as in coder/CAUSAL.md, Sec. 2."""
    w, n, nw = (plane.values.roll(by, (1, 2)) for by in ((0, 1), (1, 0), (1, 1)))
    med = torch.maximum(torch.minimum(w, n), torch.minimum(torch.maximum(w, n), w + n - nw))
    errors = Plane(plane.values - med, plane.margin)
    scales = [log(errors.less(((0, -1), (-1, 0), (-1, -1), (-1, 1)), 0))]
    scales += [log(plane.at(*a) - plane.at(*b) for a, b in pairs) for pairs in (ACROSS, DOWN)]
    prediction = Plane(med, plane.margin).at(0, 0)
    return prediction, [*plane.less(BEFORE, prediction), prediction, *scales]


def around(green: Plane) -> list[Tensor]:
    """38 inputs from G on all sides."""
    here = green.at(0, 0)
    return [*green.less(AROUND, here), here - 128, log(green.less(NEXT, here))]


class Planes:
    """G, then R and B at even rows and columns, then at the other three quarters."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.stages = [Stage([28], 1), Stage([94], 2), Stage([66, 76, 100], 2)]
        self.network = nn.ModuleList(self.stages)
        self.squares = [p for s in self.stages for p in s.squares.parameters() if p.ndim > 1]

    def bits(self, crops: Pixels, learn: bool = False) -> list[float]:
        """Bits of G, of the stored R and B, of the others by quarter; `learn` as in `Joint`."""
        r, g, b = torch.tensor(crops).float().unbind(-1)
        med, inputs = causal(Plane(g - 128))
        with torch.set_grad_enabled(learn):
            green = self.stages[0](0, inputs, [Plane(g).at(0, 0)], [med + 128])
            nats = torch.stack([green, self.stored(r, g, b), *self.others(r, g, b)])
        if learn:
            nats.sum().backward()
        return (nats.detach().double() / np.log(2)).tolist()

    def stored(self, r: Tensor, g: Tensor, b: Tensor) -> Tensor:
        """Nats of R and B at even rows and columns."""
        here, means, inputs = Plane(g, step=2).at(0, 0), [], []
        for plane in (r, b):
            med, some = causal(Plane((plane - g)[:, ::2, ::2], MARGIN // 2))
            means.append((here + med).clamp(0, 255))
            inputs += some
        x = [Plane(plane, step=2).at(0, 0) for plane in (r, b)]
        return self.stages[1](0, [*inputs, *around(Plane(g, step=2))], x, means)

    def others(self, r: Tensor, g: Tensor, b: Tensor) -> list[Tensor]:
        """Nats of R and B at the other quarters, one by one."""
        nats, missed = [], (torch.zeros_like(g), torch.zeros_like(g))
        for i, start in enumerate(QUARTERS[1:]):
            (row, column), done = start, QUARTERS[: i + 1]
            known = [(y, x) for y, x in AROUND if ((y + row) % 2, (x + column) % 2) in done]
            nearest = [(y, x) for y, x in NEXT if (y % 2, x % 2) == start]
            past = [o for o in NEXT if o in known and o not in nearest]
            here = Plane(g, MARGIN, start, 2).at(0, 0)
            means, inputs = [], around(Plane(g, MARGIN, start, 2))
            for plane, errors in zip((r, b), missed, strict=True):
                difference = Plane(plane - g, MARGIN, start, 2)
                anchor = torch.stack(difference.less(nearest, 0)).mean(0)
                means.append((here + anchor).clamp(0, 255))
                inputs += [*difference.less(known, anchor), anchor]
                inputs.append(log(difference.less(nearest, anchor)))
                inputs += [log(Plane(errors, MARGIN, start, 2).less(past, 0))] if past else []
                wide = Plane(plane - g, 2, start, 2)
                off = wide.at(0, 0) - torch.stack(wide.less(nearest, 0)).mean(0)
                errors[:, 2 + row : -2 : 2, 2 + column : -2 : 2] = off
            x = [Plane(plane, MARGIN, start, 2).at(0, 0) for plane in (r, b)]
            nats.append(self.stages[2](i, inputs, x, means))
        return nats


def train(method: Joint | Planes, images: Sequence[Pixels], steps: int) -> None:
    """Muon on the square matrices, Adam on the rest; the rate falls over the second half."""
    rest = [p for p in method.network.parameters() if all(p is not q for q in method.squares)]
    adam = torch.optim.Adam(rest, lr=3e-3, betas=(0.9, 0.99))
    optimizers = ((Muon(method.squares, lr=0.02), 0.02), (adam, 3e-3))
    for step in range(steps):
        method.network.zero_grad()
        method.bits(random_crops(images, step), True)
        for optimizer, rate in optimizers:
            factor = min((step + 1) / 100, 1, 2 * (steps - step) / steps)
            optimizer.param_groups[0]["lr"] = factor * rate
            optimizer.step()


def report(name: str, bits: Bits, sets: dict[str, list[Pixels]]) -> None:
    """A line for each test set: bpsp, and what the parts of `Planes` have of it."""
    for kind, crops in sets.items():
        parts = np.mean([bits(crop[None]) for crop in crops], 0) / (3 * (TEST - 2 * MARGIN) ** 2)
        print(f"{name:16} {kind:9} {parts.sum():.3f} = {' + '.join(f'{p:.3f}' for p in parts)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Trains both on each kind, and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name in ("training", "test", "kodak"):
        parser.add_argument(name, type=Path, help="folder of photographs and nothing else")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of training")
    parser.add_argument("--steps", type=int, default=2400, help="of 8 crops of 32x32")
    arguments = parser.parse_args(argv)
    kodak = map(read, sorted(arguments.kodak.iterdir()))
    sets = {"kodak": [centre(x, TEST, divmod(int(phases(x).argmin()), 2)) for x in kodak]}
    for kind in KINDS:
        sets[kind] = [centre(image, TEST) for image in simulated(arguments.test, kind, TEST + 2)]
    codec = open_codec("causal-middle", "cpu")
    assert isinstance(codec, CausalCodec)
    inner = slice(MARGIN, -MARGIN)
    report("released", lambda x: [pixel_bits(x[0], codec.network)[inner, inner].sum()], sets)
    for kind in arguments.kinds:
        images = simulated(arguments.training, kind, TEST + 2)
        for method in (Joint(), Planes()):
            start = time.process_time()
            train(method, images, arguments.steps)
            print(f"{time.process_time() - start:.0f} CPU seconds", flush=True)
            report(f"{type(method).__name__.lower()} {kind}", method.bits, sets)


if __name__ == "__main__":
    main()
