"""What figures read that is no plain table: published values, metrics, photographs, maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pandas import DataFrame

from l3c.bench.figures.pictures import Bottlenecks, CostMap, bottlenecks_of, cost_map
from l3c.bench.figures.registry import read_frame
from l3c.bench.published import PublishedValue, read_published

Files = Sequence[Path]
Facts = Mapping[str, Any]


def first_frame(files: Files, facts: Facts) -> DataFrame:
    """Rows of one file."""
    return read_frame(files[0])


def _published(files: Files, facts: Facts) -> list[PublishedValue]:
    return read_published(files[0])


def _metrics(files: Files, facts: Facts) -> dict[str, DataFrame]:
    return {path.stem: read_frame(path) for path in files}


def _folder(files: Files, facts: Facts) -> Path:
    return files[0]


def _pictured(files: Files, facts: Facts, of: Callable[..., Any]) -> list[Any]:
    """Of each photograph what a model makes of it; files: manifest, weights."""
    from l3c.bench.measure.photographs import choose, cut
    from l3c.models.pyramid_codec import PyramidCodec
    from l3c.models.zoo import open_codec

    manifest, weights = files
    codec = open_codec(weights, "cpu")
    multiple = 1 << codec.network.scales if isinstance(codec, PyramidCodec) else 1
    photographs = choose(manifest, facts["images"])
    return [of(codec, name, cut(image, multiple)) for name, image in photographs]


def _bottlenecks(files: Files, facts: Facts) -> list[Bottlenecks]:
    return _pictured(files, facts, bottlenecks_of)


def _costs(files: Files, facts: Facts) -> list[CostMap]:
    from l3c.models.tile_codec import UnsupportedError

    try:
        return _pictured(files, facts, cost_map)
    except UnsupportedError:  # the figure will say so
        return []


READERS: dict[str, Callable[[Files, Facts], Any]] = {
    "published": _published,
    "metrics": _metrics,
    "sample_folder": _folder,
    "bottlenecks": _bottlenecks,
    "costs": _costs,
}
"""Parameter of a figure -> how it is read; all others are tables."""
