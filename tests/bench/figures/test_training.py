"""Learning curves: what is averaged, and that all of it is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from l3c.bench.figures.training import POINTS, curve_of, training


def metrics(count: int, every: int | None = None) -> DataFrame:
    rows = np.arange(1, count + 1)
    validated = (rows % every == 0) if every else np.zeros(count, bool)
    columns = {"step": 25 * rows, "train_bpsp": 8 - rows / count}
    return DataFrame(columns | {"validation_bpsp": np.where(validated, 9 - rows / count, np.nan)})


def draw(**models: tuple[str, DataFrame]) -> Figure:
    """Of models by label: variant and metrics."""
    return training(
        {key: rows for key, (_, rows) in models.items()},
        {key: key.title() for key in models},
        {key: variant for key, (variant, _) in models.items()},
    )


def names(axes: object) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_text()]  # type: ignore[attr-defined]


def test_long_curves_are_averaged() -> None:
    curve = curve_of(metrics(10 * POINTS))
    assert len(curve) == POINTS
    assert curve["step"].iloc[-1] == 25 * 10 * POINTS
    assert curve["bpsp"].iloc[0] == pytest.approx(8 - 5.5 / (10 * POINTS))
    assert len(curve_of(metrics(POINTS + 1))) == POINTS
    assert len(curve_of(metrics(3))) == 3


def test_every_curve_is_drawn_and_named() -> None:
    (axes,) = draw(one=("l3c", metrics(3)), two=("rgb", metrics(5, 2))).axes
    assert names(axes) == ["One", "Two"]
    first, second = (text.get_window_extent() for text in axes.texts if text.get_text())
    assert not first.overlaps(second)  # both end at 7
    drawn = [np.asarray(line.get_ydata()).tolist() for line in axes.lines]
    assert drawn[3] == pytest.approx([8.6, 8.2])


def test_looks_are_of_the_variant_whatever_else_is_drawn() -> None:
    def looks(figure: Figure) -> list[tuple[object, ...]]:
        return [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines[::2]]

    rows = metrics(3)
    both = looks(draw(a=("l3c", rows), b=("rgb", rows), c=("l3c", rows), d=("flow", rows)))
    assert both[1:2] == looks(draw(b=("rgb", rows)))
    assert len(set(both)) == 4


def test_what_is_trained_on_one_scale_stands_apart() -> None:
    rows = metrics(3)
    whole, alone = draw(shared=("rgb_shared", rows), other=("rgb", rows)).axes
    assert (names(whole), names(alone)) == (["Other"], ["Shared"])
    assert alone.get_title(loc="left").startswith("finest scale alone")
    whole, alone = draw(shared=("rgb_shared", metrics(4, 2)), other=("rgb", rows)).axes
    assert np.asarray(whole.lines[0].get_ydata()).tolist() == [8.5, 8.0]
    assert len(alone.lines) == 1
    (alone,) = draw(shared=("rgb_shared", rows)).axes
    assert alone.get_title(loc="left").startswith("finest scale alone")
