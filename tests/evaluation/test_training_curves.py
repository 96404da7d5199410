"""Learning curves: what is read from metrics, and that all of it is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l3c.evaluation.training_curves import POINTS, Curve, draw_training, read_curve


def metrics(path: Path, rows: int, every: int | None) -> Path:
    lines = ["step,train_bpsp,seconds,validation_bpsp"]
    for row in range(1, rows + 1):
        validated = f"{9 - row / rows}" if every and row % every == 0 else ""
        lines.append(f"{25 * row},{8 - row / rows},{60 * row},{validated}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_long_curves_are_averaged(tmp_path: Path) -> None:
    curve = read_curve("l3c", "l3c", "L3C", metrics(tmp_path / "a.csv", 10 * POINTS, 100))
    assert len(curve.train) == POINTS
    assert curve.steps[-1] == 25 * 10 * POINTS
    assert curve.train[0] == pytest.approx(8 - 5.5 / (10 * POINTS))
    assert curve.validation[:, 0].tolist() == [25 * 100 * i for i in range(1, 7)]
    assert curve.validation[-1, 1] == 8


def test_every_curve_is_drawn_and_named(tmp_path: Path) -> None:
    curves = [
        read_curve("one", "l3c", "One", metrics(tmp_path / "a.csv", 3, None)),
        read_curve("two", "rgb", "Two", metrics(tmp_path / "b.csv", 5, 2)),
    ]
    assert curves[0].validation.shape == (0, 2)
    (axes,) = draw_training(curves).axes
    names = [text for text in axes.texts if text.get_text()]
    assert [text.get_text() for text in names] == ["One", "Two"]
    first, second = (text.get_window_extent() for text in names)
    assert not first.overlaps(second)  # both end at 7
    drawn = [np.asarray(line.get_ydata()).tolist() for line in axes.lines]
    assert drawn[3] == [8.6, 8.2]


def test_looks_are_of_the_kind_whatever_else_is_drawn(tmp_path: Path) -> None:
    path = metrics(tmp_path / "a.csv", 3, None)
    kinds: tuple[str, ...] = ("l3c", "rgb", "l3c")
    both = [read_curve(f"{kind}{i}", kind, f"{kind}{i}", path) for i, kind in enumerate(kinds)]

    def looks(curves: list[Curve]) -> list[tuple[object, ...]]:
        (axes,) = draw_training(curves).axes
        return [(line.get_color(), line.get_linestyle()) for line in axes.lines[::2]]

    assert looks(both)[1:2] == looks(both[1:2])
    assert len(set(looks(both))) == 3


def test_what_is_trained_on_one_scale_stands_apart(tmp_path: Path) -> None:
    path = metrics(tmp_path / "a.csv", 3, None)
    shared = read_curve("s", "rgb_shared", "Shared", path)
    other = read_curve("o", "rgb", "Other", path)
    whole, alone = draw_training([shared, other]).axes
    assert [text.get_text() for text in whole.texts if text.get_text()] == ["Other"]
    assert [text.get_text() for text in alone.texts if text.get_text()] == ["Shared"]
    assert alone.get_title(loc="left").startswith("finest scale alone")
    validated = read_curve("s", "rgb_shared", "Shared", metrics(path, 4, 2))
    whole, alone = draw_training([validated, other]).axes
    assert [np.asarray(line.get_ydata()).tolist() for line in whole.lines[:1]] == [[8.5, 8.0]]
    assert len(alone.lines) == 1
    (alone,) = draw_training([shared]).axes
    assert alone.get_title(loc="left").startswith("finest scale alone")
