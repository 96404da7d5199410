"""Figures by name: what each is called, shows and reads.

A figure is one function in any module of this folder. Its name is that of its files, the first line
of its docstring the title, the next paragraph the caption, and its parameters say what it reads:
the workflow draws it whenever a run has all of them.

    @figure()
    def sizes(rows: DataFrame) -> Figure:
        \"\"\"Bytes by method.

        Bytes of the whole file against pixels of the image.
        \"\"\"
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from l3c.bench import schema
from l3c.bench.published import read_published

Draw = Callable[..., Figure]


@dataclass(frozen=True)
class FigureSpec:
    """A registered figure.

    Attributes:
        name: of its files.
        title: for lists and headings.
        caption: what it shows, one paragraph of plain text.
        draw: the function, of keyword arguments.
        photographs: it holds photographs, which are written with fewer pixels per inch.
        reads: names of everything it can be given.
        needs: those without which it cannot be drawn.
    """

    name: str
    title: str
    caption: str
    draw: Draw
    photographs: bool
    reads: tuple[str, ...]
    needs: frozenset[str]


FIGURES: dict[str, FigureSpec] = {}


def figure(*, photographs: bool = False) -> Callable[[Draw], Draw]:
    """Registers a function as a figure; what it returns is written as SVG and PNG."""

    def register(draw: Draw) -> Draw:
        title, caption, *_ = (inspect.getdoc(draw) or "").split("\n\n")
        parameters = inspect.signature(draw).parameters
        needs = frozenset(name for name, each in parameters.items() if each.default is each.empty)
        about = title.rstrip("."), " ".join(caption.split()), draw, photographs
        FIGURES[draw.__name__] = FigureSpec(draw.__name__, *about, tuple(parameters), needs)
        return draw

    return register


def load_figures() -> dict[str, FigureSpec]:
    """All figures of this folder, by name."""
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return FIGURES


_TABLES = {
    "rows": schema.ResultRow,
    "timing": schema.TimingRow,
    "batches": schema.BatchRow,
    "bits": schema.ChannelBits,
    "samples": schema.SampleRow,
}


def read_inputs(
    reads: tuple[str, ...], files: Mapping[str, list[Path]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Values of the parameters of a figure.

    Args:
        reads: names of the parameters.
        files: name -> its files: tables of rows (without failures), "published" values, "metrics"
            of trainings by name of the file, a "sample_folder", the manifest of "photographs", the
            weights of a "codec".
        facts: name -> value in the configuration.
    """
    given = {name: facts[name] for name in reads if name in facts}
    return given | {name: _read(name, files[name], facts) for name in reads if name in files}


def _read(name: str, files: list[Path], facts: Mapping[str, Any]) -> Any:
    first = files[0]
    if name in _TABLES:
        return schema.measured(schema.read(first, _TABLES[name]))
    if name == "published":
        return read_published(first)
    if name == "metrics":
        return {path.stem: pd.read_csv(path) for path in files}
    if name == "photographs":
        from l3c.bench.measure.photographs import choose

        return choose(first, facts["images"])
    if name in ("codec", "extractor"):
        from l3c.models.zoo import open_codec

        return open_codec(first, "cpu")
    return first
