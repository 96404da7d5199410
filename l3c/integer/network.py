"""The decoder of a pyramid network in integers: the same modules, with integer convolutions.

Its outputs are the parameters of the mixtures on the coder's grids (coder/CDF.md, Sec. 1).
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from coder import tables
from coder.shape import MixtureShape
from coder.tables import LAMBDA_BITS
from l3c import torch_state
from l3c.integer.convolution import BoundError, IntegerConvolution
from l3c.nn.layers import Conv, Units, replaced
from l3c.nn.pyramid import CodingStep, Decoder, Outputs

IDENTITY_BYTES = 8
VERSION = 1  # of the arithmetic: another definition of any operation is another identity
MU_LIMIT = (1 << 17) - 1  # 512 symbols: products with lambda fit 32 bits, see `IntegerUnits`

_TYPES = (torch.int8, torch.int16, torch.int32)


def parameter_grids(shape: MixtureShape) -> tables.Grids:
    """The coder's grids, with means as narrow as integer networks need them.

    Returns:
        Of each parameter of a mixture fractional bits, smallest and largest integer, (P,).
    """
    grids = tables.parameter_grids(shape)
    means = slice(shape.channels * shape.mixtures, 2 * shape.channels * shape.mixtures)
    grids.low[means], grids.high[means] = -MU_LIMIT, MU_LIMIT
    return grids


class IntegerUnits(nn.Module):
    """In the place of `Units`, whose factors are part of the convolution before."""

    def __init__(self, units: Units) -> None:
        super().__init__()
        self.shape, self.centred = units.shape, units.centred

    def forward(self, x: Tensor) -> Tensor:
        """Integers (N, P, H, W), carried in float32 or in int64 -> int32 on the coder's grids.

        Where lambda multiplies residuals (`Units`), means of G and B become those for lambdas that
        multiply values: |mu| < 2^17 and |lambda| <= 2^14, so that products fit 32 bits.
        """
        parameters = x if x.dtype == torch.int64 else x.int()
        if self.centred:
            k, half = self.shape.mixtures, 1 << (LAMBDA_BITS - 1)
            r, g, b = (parameters[:, (3 + c) * k : (4 + c) * k] for c in range(3))
            g_r, b_r, b_g = (parameters[:, (9 + c) * k : (10 + c) * k] for c in range(3))
            by_g = (b_g * g).add_(half).bitwise_right_shift_(LAMBDA_BITS)  # while g is centred
            b.sub_((b_r * r).add_(half).bitwise_right_shift_(LAMBDA_BITS)).sub_(by_g)
            g.sub_((g_r * r).add_(half).bitwise_right_shift_(LAMBDA_BITS))
        return parameters.int()


class IntegerNetwork(Decoder):
    """The predictors and classifiers of a network, with integer convolutions in their places.

    One grid serves the residual stream of a predictor from its head to its end, and what is added
    to its start: adding is exact. The state is integers only. Before use it must be filled,
    `check`ed, and `prepare`d, which moves it to a device: it serves one codec.

    Args:
        network: whose modules and steps it takes; zeros everywhere.

    Attributes:
        carrier: type of the integers in between: float32, or int64 for the slow reference.
    """

    def __init__(self, network: Decoder) -> None:
        super().__init__(network.settings, network.steps, network.shapes, network.shared)
        places: dict[int, nn.Module] = {}  # what is copied as something else
        for module in [*network.predictors.modules(), *network.classifiers.modules()]:
            if isinstance(module, Conv):
                places[id(module)] = IntegerConvolution(module)
            elif isinstance(module, Units):
                places[id(module)] = IntegerUnits(module)
        self.predictors = copy.deepcopy(network.predictors, places)
        self.classifiers = copy.deepcopy(network.classifiers, places)
        self.carrier = torch.float32

    @classmethod
    def load(cls, network: Decoder, tensors: Mapping[str, Tensor]) -> IntegerNetwork:
        """The integers of a network from the tensors of its file, checked.

        Raises:
            BoundError: they cannot be exact.
            RuntimeError: tensors that are not those of such a network.
        """
        for name, value in tensors.items():
            if value.dtype not in _TYPES:
                raise RuntimeError(f"{name} is {value.dtype}, not an integer of up to 32 bits")
        made = cls(network)
        names = {_in_files(name): name for name in made.state_dict()}
        made.load_state_dict({names.get(k, k): value.int() for k, value in tensors.items()})
        made.check()
        return made

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor as files have it: by name, in the shortest type that holds it."""
        return {_in_files(name): _compact(value) for name, value in self.state_dict().items()}

    def check(self) -> dict[str, int]:
        """The largest magnitude that any partial sum of each convolution can have, by its name.

        Raises:
            BoundError: one exceeds what float32 carries exactly.
        """
        for classifier in self.classifiers:
            units, out = classifier.units, classifier.out
            assert isinstance(units, IntegerUnits)
            assert isinstance(out, IntegerConvolution)
            _, low, high = map(torch.from_numpy, parameter_grids(units.shape))
            if (out.bounds[0] < low).any() or (out.bounds[1] > high).any():
                raise BoundError("classifier, out: clips beyond the coder's grids")
        found: dict[str, int] = {}

        def check(
            name: str, layer: IntegerConvolution, inputs: Tensor, residual: Tensor | None
        ) -> None:
            found[_in_files(name)] = layer.check(inputs, residual, _in_files(name))

        self.over_bounds(check)
        return found

    def over_bounds(
        self, visit: Callable[[str, IntegerConvolution, Tensor, Tensor | None], None]
    ) -> None:
        """Calls a function on all convolutions, in the order in which a decoder runs them.

        The bounds of every channel run through the network in the place of an image: the smallest
        and the largest value, as a batch of two.

        Args:
            visit: gets a convolution's name, itself, the bounds of what it gets, and those of what
                is added to its result or None. What it gives is bounded by its clips.
        """

        def forward(
            name: str, layer: IntegerConvolution, x: Tensor, residual: Tensor | None = None
        ) -> Tensor:
            visit(name, layer, _bounds(x), None if residual is None else _bounds(residual))
            return layer.bounds[:, :, None, None].expand(-1, -1, *x.shape[2:])

        symbols = [torch.zeros(2, z.channels, 2, 2, dtype=torch.int64) for z in self.shapes]
        for plane, z in zip(symbols, self.shapes, strict=True):
            plane[1] = z.levels - 1
        with replaced(self, IntegerConvolution, forward):
            for _ in self.predictions(symbols, self.outputs):
                pass

    def prepare(
        self,
        device: torch.device,
        memory_format: torch.memory_format = torch.channels_last,
    ) -> IntegerNetwork:
        """Makes it ready to run on a device: float32 carriers, and a test of the arithmetic there.

        Raises:
            torch_state.InexactError: this machine rounds where it must not.
        """
        torch_state.check_exact(device, self.settings.features)
        self.to(device)
        for layer in self.modules():
            if isinstance(layer, IntegerConvolution):
                layer.prepare(memory_format)
        return self

    def values(self, s: int, symbols: Tensor) -> Tensor:
        """-(L - 1)..L - 1 for symbols 0..L - 1 of z^(s), in their carrier."""
        return (2 * symbols - (self.shapes[s].levels - 1)).to(self.carrier)

    def predict(self, step: CodingStep, values: Tensor, features: Tensor | None) -> Outputs:
        """See `Decoder`: int32 on the coder's grids; features are integers in their carrier."""
        with torch_state.exact_arithmetic():
            return super().predict(step, values, features)

    def identity(self) -> bytes:
        """8 bytes of a SHA-256 over all that the parameters depend on, and nothing else."""
        facts = {
            "version": VERSION,
            "scales": self.scales,
            "shared": self.shared,
            "dilations": self.settings.dilations,
            "centred": self.settings.channel_coefficients == "centred",
            "shapes": [
                (shape.channels, shape.levels, shape.mixtures, shape.coupled, shape.sigmoid)
                for shape in self.shapes
            ],
        }
        if any(step.source for step in self.steps):
            facts["interlaced"] = True
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        for name, value in sorted(self.tensors().items()):
            digest.update(f"{name} {tuple(value.shape)}".encode())
            digest.update(value.cpu().numpy().astype("<i8").tobytes())
        return digest.digest()[:IDENTITY_BYTES]


def _bounds(x: Tensor) -> Tensor:
    return torch.stack([x[0].amin((1, 2)), x[1].amax((1, 2))]).long()


def _in_files(name: str) -> str:
    """The name in files and identities of a tensor or module of the network."""
    return name.replace(".stack.", ".").replace(".up.conv", ".up")


def _compact(values: Tensor) -> Tensor:
    """The same integers in the shortest of int8, int16 and int32 that holds them."""
    low, high = int(values.min()), int(values.max())
    fits = [t for t in _TYPES if torch.iinfo(t).min <= low and high <= torch.iinfo(t).max]
    return values.to(fits[0])
