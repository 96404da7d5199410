"""The coders that are compared, each from the same symbols and parameters or tables to bytes.

The peers are used through their documented interfaces. What they are given is made here from the
formulas of the L3C paper (section 3.4), as fast as plain torch does it on one thread.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import coder
from benchmarks.data import Sample

_CHUNK = 1024  # pixels whose tables torch makes together: they stay in the cache
_TOTAL = 1 << 24

Parts = list[bytes]  # one stream, or one for each channel


class Method(ABC):
    """One way to code a sample. What the constructor does is outside the clock.

    package: the distribution that must be installed. given: "parameters", or "tables" where the
    tables are made outside the clock.
    """

    name: ClassVar[str]
    package: ClassVar[str] = "l3c-bench"
    module: ClassVar[str] = "coder"
    given: ClassVar[str]
    note: ClassVar[str] = ""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.shape = sample.shape

    @classmethod
    def available(cls) -> bool:
        return importlib.util.find_spec(cls.module) is not None

    @classmethod
    def version(cls) -> str:
        try:
            return importlib.metadata.version(cls.package)
        except importlib.metadata.PackageNotFoundError:
            return ""

    @abstractmethod
    def encode(self) -> Parts:
        """The sample's symbols, coded."""

    @abstractmethod
    def decode(self, parts: Parts) -> npt.NDArray[Any]:
        """Symbols (pixels, C) again."""


class Ours(Method):
    """This package, CDFs evaluated where they are needed."""

    name = "coder"
    given = "parameters"

    def __init__(self, sample: Sample, threads: int = 1) -> None:
        super().__init__(sample)
        self.threads = threads

    def encode(self) -> Parts:
        of = self.sample
        return [coder.encode_mixture(of.symbols, of.parameters, of.shape, self.threads)]

    def decode(self, parts: Parts) -> npt.NDArray[Any]:
        return coder.decode_mixture(
            parts[0], self.sample.parameters, self.sample.shape, self.threads
        )


class Torchac(Method):
    """torchac as L3C uses it: float tables by torch, one channel after another."""

    name = "torchac, tables by torch"
    package = module = "torchac"
    given = "parameters"

    def __init__(self, sample: Sample) -> None:
        super().__init__(sample)
        import torchac

        self.coder = torchac
        self.parameters = torch.from_numpy(sample.parameters)
        self.symbols = torch.from_numpy(sample.symbols.astype(np.int16))

    def encode(self) -> Parts:
        return [
            self.coder.encode_float_cdf(
                float_cdf(self.parameters, self.symbols, c, self.sample), self.symbols[:, c]
            )
            for c in range(self.shape.channels)
        ]

    def decode(self, parts: Parts) -> npt.NDArray[Any]:
        symbols = torch.zeros_like(self.symbols)
        for c, part in enumerate(parts):
            cdf = float_cdf(self.parameters, symbols, c, self.sample)
            symbols[:, c] = self.coder.decode_float_cdf(cdf, part)
        return symbols.numpy()


class Constriction(Method):
    """constriction's range coder with categorical models, probabilities by torch."""

    name = "constriction, tables by torch"
    package = module = "constriction"
    given = "parameters"

    def __init__(self, sample: Sample) -> None:
        super().__init__(sample)
        import constriction

        self.stream = constriction.stream
        self.family = self.stream.model.Categorical(perfect=False)
        self.parameters = torch.from_numpy(sample.parameters)
        self.symbols = torch.from_numpy(sample.symbols.astype(np.int32))

    def probabilities(self, symbols: Tensor, c: int) -> npt.NDArray[np.float32]:
        """The bins of one channel, at least 0 despite rounding."""
        cdf = float_cdf(self.parameters, symbols, c, self.sample)
        return torch.diff(cdf, dim=1).clamp_(min=0).numpy()

    def encode(self) -> Parts:
        encoder = self.stream.queue.RangeEncoder()
        for c in range(self.shape.channels):
            symbols = np.ascontiguousarray(self.symbols[:, c].numpy())
            encoder.encode(symbols, self.family, self.probabilities(self.symbols, c))
        return [encoder.get_compressed().tobytes()]

    def decode(self, parts: Parts) -> npt.NDArray[Any]:
        decoder = self.stream.queue.RangeDecoder(np.frombuffer(parts[0], np.uint32))
        symbols = torch.zeros_like(self.symbols)
        for c in range(self.shape.channels):
            found = decoder.decode(self.family, self.probabilities(symbols, c))
            symbols[:, c] = torch.from_numpy(found)
        return symbols.numpy()


class OursTables(Method):
    """This package on given tables, their entries not looked at but for those used."""

    name = "coder, check=False"
    given = "tables"
    check: ClassVar[bool] = False

    def __init__(self, sample: Sample) -> None:
        super().__init__(sample)
        spread = _given_cdf(sample)
        levels = sample.shape.levels
        # 24 bits; every symbol keeps at least one
        self.cdf = (spread * np.float64(_TOTAL - levels)).astype(np.uint32)
        self.cdf += np.arange(levels + 1, dtype=np.uint32)
        self.cdf[:, -1] = _TOTAL
        self.symbols = _channel_major(sample)

    def encode(self) -> Parts:
        return [coder.encode(self.symbols, self.cdf, threads=1, check=self.check)]

    def decode(self, parts: Parts) -> npt.NDArray[Any]:
        found = coder.decode(parts[0], self.cdf, threads=1, check=self.check)
        return found.reshape(self.shape.channels, -1).T


class OursCheckedTables(OursTables):
    """The same with the default check of every entry."""

    name = "coder"
    check = True


class TorchacTables(Method):
    """torchac's coder alone, on its own kind of tables."""

    name = "torchac"
    package = module = "torchac"
    given = "tables"

    def __init__(self, sample: Sample) -> None:
        super().__init__(sample)
        import torchac

        self.coder = torchac
        levels = sample.shape.levels
        steps = (_given_cdf(sample) * np.float32(65536 - levels)).astype(np.int32)
        steps += np.arange(levels + 1, dtype=np.int32)  # 2^16 at the end wraps to 0, as it should
        self.cdf = torch.from_numpy(steps.astype(np.uint16).view(np.int16))
        self.symbols = torch.from_numpy(_channel_major(sample).astype(np.int16))

    def encode(self) -> Parts:
        return [self.coder.encode_int16_normalized_cdf(self.cdf, self.symbols)]

    def decode(self, parts: Parts) -> npt.NDArray[Any]:
        found: Tensor = self.coder.decode_int16_normalized_cdf(self.cdf, parts[0])
        return found.numpy().reshape(self.shape.channels, -1).T


class ConstrictionTables(Method):
    """constriction's range coder on given probabilities."""

    name = "constriction"
    package = module = "constriction"
    given = "tables"

    def __init__(self, sample: Sample) -> None:
        super().__init__(sample)
        import constriction

        self.stream = constriction.stream
        self.family = self.stream.model.Categorical(perfect=False)
        self.probabilities = np.maximum(np.diff(_given_cdf(sample), axis=1), 0)
        self.symbols = _channel_major(sample).astype(np.int32)

    def encode(self) -> Parts:
        encoder = self.stream.queue.RangeEncoder()
        encoder.encode(self.symbols, self.family, self.probabilities)
        return [encoder.get_compressed().tobytes()]

    def decode(self, parts: Parts) -> npt.NDArray[Any]:
        decoder = self.stream.queue.RangeDecoder(np.frombuffer(parts[0], np.uint32))
        found = decoder.decode(self.family, self.probabilities)
        return np.asarray(found).reshape(self.shape.channels, -1).T


# The first of each kind is what the others are compared with.
FROM_PARAMETERS: list[type[Method]] = [Ours, Torchac, Constriction]
FROM_TABLES: list[type[Method]] = [
    OursTables,
    OursCheckedTables,
    TorchacTables,
    ConstrictionTables,
]


def float_cdf(parameters: Tensor, symbols: Tensor, channel: int, of: Sample) -> Tensor:
    """The CDF of one channel at every bin edge, float32 (pixels, L + 1), from 0 to 1.

    Three passes over each component's table, all in place, in chunks that fit the cache.
    """
    shape = of.shape
    c, k = shape.channels, shape.mixtures
    split = parameters[:, : 3 * c * k].reshape(-1, 3, c, k)[:, :, channel]
    pi = torch.softmax(split[:, 0], dim=1)
    mu, rate = split[:, 1], torch.exp(-split[:, 2].clamp(min=-7))
    if shape.coupled and channel:
        first = channel * (channel - 1) // 2
        lam = parameters[:, 3 * c * k :].reshape(len(parameters), -1, k)
        lam = lam[:, first : first + channel]
        lam = torch.sigmoid(lam) if shape.sigmoid else lam
        mu = mu + (lam * symbols[:, :channel, None].float()).sum(1)
    offset = -mu * rate
    edges = torch.arange(1, shape.levels, dtype=torch.float32) - 0.5
    cdf = torch.empty(len(parameters), shape.levels + 1)
    cdf[:, 0], cdf[:, -1] = 0, 1
    argument = torch.empty(_CHUNK, shape.levels - 1)
    for start in range(0, len(parameters), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(parameters)))
        total = torch.zeros(part.stop - start, shape.levels - 1)
        buffer = argument[: part.stop - start]
        for i in range(k):
            torch.addcmul(offset[part, i, None], rate[part, i, None], edges, out=buffer)
            total.addcmul_(pi[part, i, None], buffer.sigmoid_())
        cdf[part, 1:-1] = total.clamp_(max=1)
    return cdf


def _given_cdf(sample: Sample) -> npt.NDArray[np.float32]:
    """The CDFs of all symbols, (C pixels, L + 1), all of the first channel first."""
    parameters = torch.from_numpy(sample.parameters)
    symbols = torch.from_numpy(sample.symbols.astype(np.int32))
    channels = range(sample.shape.channels)
    tables = [float_cdf(parameters, symbols, c, sample).numpy() for c in channels]
    return np.maximum.accumulate(np.concatenate(tables), axis=1)


def _channel_major(sample: Sample) -> npt.NDArray[np.uint16]:
    return np.ascontiguousarray(sample.symbols.T).reshape(-1)
