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
from pandas import DataFrame

Draw = Callable[..., Figure]
_TEXT = dict.fromkeys(["dataset", "method", "key", "model", "image", "channel", "sampled"], str)


@dataclass(frozen=True)
class FigureSpec:
    """A registered figure.

    Attributes:
        name: of its files.
        title: for lists and headings.
        caption: what it shows, one paragraph of plain text.
        draw: the function, of keyword arguments.
        pictures: it holds photographs, which are written with fewer pixels per inch.
    """

    name: str
    title: str
    caption: str
    draw: Draw
    pictures: bool

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of everything it can be given."""
        return tuple(inspect.signature(self.draw).parameters)

    @property
    def needs(self) -> frozenset[str]:
        """Those without which it cannot be drawn."""
        parameters = inspect.signature(self.draw).parameters.values()
        return frozenset(each.name for each in parameters if each.default is each.empty)


FIGURES: dict[str, FigureSpec] = {}


def figure(*, pictures: bool = False) -> Callable[[Draw], Draw]:
    """Registers a function as a figure; what it returns is written as SVG and PNG."""

    def register(draw: Draw) -> Draw:
        title, caption, *_ = (inspect.getdoc(draw) or "").split("\n\n")
        name, line = draw.__name__, " ".join(caption.split())
        FIGURES[name] = FigureSpec(name, title.rstrip("."), line, draw, pictures)
        return draw

    return register


def load_figures() -> dict[str, FigureSpec]:
    """All figures of this folder, by name."""
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return FIGURES


def read_frame(path: Path) -> DataFrame:
    """The rows of a CSV file of results, without failures."""
    frame = pd.read_csv(path, dtype=_TEXT, keep_default_na=False, na_values=[""])
    return frame[frame["reason"].isna()].infer_objects() if "reason" in frame else frame


def read_inputs(
    reads: tuple[str, ...], files: Mapping[str, list[Path]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Values of the parameters of a figure.

    Args:
        reads: their names.
        files: name -> files that hold it; see `l3c.bench.figures.inputs`.
        facts: name -> what the configuration says.
    """
    from l3c.bench.figures import inputs

    given = {name: facts[name] for name in reads if name in facts}
    for name in reads:
        if name in files:
            given[name] = inputs.READERS.get(name, inputs.first_frame)(files[name], facts)
    return given
