"""Figures are functions found by name: what must be drawn, and what must not touch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame
from result_rows import batch_row, failed_row, frame_of, result_row, timing_row, write_results
from table_files import published
from tiny_models import noise, smooth, tiny

from l3c.bench.figures import models, registry
from l3c.bench.figures.models import bits, training
from l3c.bench.figures.rates import bpsp, pareto, speed
from l3c.bench.figures.registry import FigureError, FigureSpec, load_figures, read_inputs
from l3c.bench.figures.style import CLASSICAL, LEARNED, label_points, new_figure, save
from l3c.bench.figures.times import batches, phases
from l3c.bench.measure.models import measure_bits
from l3c.bench.schema import BatchRow, ChannelBits, ResultRow, Row, frame

ROOT = Path(__file__).resolve().parents[3]
L3C = {"key": "l3c", "method": "L3C", "cross_entropy_bits": 2000.0}
Load = Callable[[str], dict[str, FigureSpec]]


def legend(drawn: Figure) -> list[str]:
    return [text.get_text() for text in drawn.legends[0].get_texts()]


def names(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_text()]


@pytest.fixture
def rows() -> DataFrame:
    """Three methods on two images of each of two data sets."""
    methods = (
        {**L3C, "decode_s": 0.5, "num_bytes": 200},
        {"decode_s": 0.01, "num_bytes": 300},
        {"decode_s": 1e-4, "num_bytes": 601, "key": "raw", "method": "Raw pixels"},
    )
    return frame_of(
        result_row(**fields | {"dataset": dataset, "image": image, "num_bytes": size})
        for dataset, fields in itertools.product(("one", "two"), methods)
        for image, size in (("a", fields["num_bytes"]), ("b", fields["num_bytes"] + 30))
    )


def test_every_figure_has_a_title_and_a_caption() -> None:
    for name, spec in load_figures().items():
        assert name == spec.draw.__name__
        assert len(spec.title) < 60 < len(spec.caption), name
        assert spec.needs <= set(spec.reads)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """Loads the figures of a file of this text, for this test alone."""
    monkeypatch.setattr(registry, "FIGURES", dict(load_figures()))

    def load(text: str) -> dict[str, FigureSpec]:
        (tmp_path / "own.py").write_text(text)
        return load_figures([tmp_path / "own.py"])

    return load


FIGURE = """
from matplotlib.figure import Figure
from l3c.bench.figures.registry import figure

@figure(photographs=True)
def {name}({parameter}, repeats: int = 1) -> Figure:
    \'\'\'Mine alone.

    What it
    shows.

    Args:
        rows: of results.
    \'\'\'
    return Figure()
"""


def test_a_function_in_a_file_anywhere_is_a_figure(load: Load, tmp_path: Path) -> None:
    spec = load(FIGURE.format(name="mine", parameter="rows"))["mine"]
    assert (spec.title, spec.caption, spec.photographs) == ("Mine alone", "What it shows.", True)
    assert (spec.reads, spec.needs) == (("rows", "repeats"), {"rows"})
    assert spec.file == tmp_path / "own.py"
    assert load_figures([spec.file, Path(models.__file__)])["bits"].draw is bits


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (FIGURE.format(name="mine", parameter="row"), ("mine", '"row"', "rows", "codec")),
        (FIGURE.format(name="bpsp", parameter="rows"), ("bpsp", "rates.py")),
        (FIGURE.format(name="mine", parameter="rows").split("\n\n    What")[0] + "'''", ("mine",)),
        ("import no_such_module", ("no_such_module",)),
    ],
    ids=["parameter", "name", "docstring", "import"],
)
def test_a_figure_that_cannot_be_used_is_named(
    text: str, named: tuple[str, ...], load: Load
) -> None:
    with pytest.raises(FigureError) as caught:
        load(text)
    assert [each for each in ("own.py", *named) if each not in str(caught.value)] == []


def test_inputs_are_read_by_the_names_of_parameters(tmp_path: Path) -> None:
    kept = [result_row(image="007"), result_row(image="nan", in_process=False)]
    write_results(tmp_path / "rows.csv", [*kept, failed_row()])
    (tmp_path / "l3c.csv").write_text("step,train_bpsp\n1,8\n")
    files = {
        "rows": [tmp_path / "rows.csv"],
        "published": [ROOT / "results" / "published.csv"],
        "metrics": [tmp_path / "l3c.csv"],
        "sample_folder": [tmp_path],
        "codec": [ROOT / "models" / "interlaced-small.safetensors"],
    }
    given = read_inputs((*files, "repeats", "elsewhere"), files, {"repeats": 3, "label": "no"})
    assert set(given) == {*files, "repeats"}
    assert given["rows"].equals(frame_of(kept))
    assert given["metrics"]["l3c"].step.tolist() == [1]
    assert len(given["published"])
    assert (given["sample_folder"], given["repeats"]) == (tmp_path, 3)
    assert given["codec"].symbol_bits(smooth(8, 8))


def test_pareto_front() -> None:
    found = pareto([3, 1, 2, 2, 3, 1], [1, 3, 2, 3, 3, 3])
    assert found.to_numpy().tolist() == [[1, 3], [2, 2], [3, 1]]
    assert pareto([], []).empty


def test_bpsp_has_a_panel_for_each_data_set(rows: DataFrame) -> None:
    png = {"dataset": "X", "edition": "v1", "method": "PNG", "value": "5.0"}
    values = published(png | {"confidence": "unverified"})
    drawn = bpsp(rows, values, {"two": "X v1"})
    one, two = drawn.axes
    assert [axes.get_title(loc="left") for axes in (one, two)] == ["one, 2 images", "two, 2 images"]
    assert [tick.get_text() for tick in one.get_yticklabels()] == ["L3C", "PNG", "Raw pixels"]
    assert (one.get_title(loc="right"), two.get_title(loc="right")) == ("", "published: X v1")
    assert [bar.get_width() for bar in two.patches] == sorted(rows.groupby("key").bpsp.mean())
    assert len(two.collections[-1].get_offsets()) == 6
    assert [line.get_xydata().tolist() for line in two.lines] == [[[5.0, 1.0]]]
    assert legend(drawn)[-1] == "published, unverified"
    assert legend(bpsp(rows, values)) == legend(drawn)[:-1]


def test_speed_leaves_the_control_out_and_says_so(rows: DataFrame) -> None:
    panels = speed(rows).axes
    assert [axes.get_xlabel()[:13] for axes in panels] == ["encoding time", "decoding time"] * 2
    assert panels[1].get_title(loc="right").startswith("not shown: Raw pixels (8.2")
    for axes in panels:
        assert axes.get_xscale() == "log"
        assert set(names(axes)) == {"L3C", "PNG"}
        assert axes.get_ylim() == panels[0].get_ylim()


def test_speed_says_threads_runs_and_external_programs() -> None:
    learned, png = result_row(**L3C, threads=4), result_row(threads=4)
    mine = result_row(key="mine", method="Mine", threads=4, in_process=False)
    drawn = speed(frame_of([learned, png]), 1)
    front = "best trade-offs (Pareto front)"
    assert legend(drawn) == ["learned, 4 threads", "classical, 1 thread", front]
    assert "one run" in drawn.get_supxlabel()
    drawn = speed(frame_of([png, mine]), 3)
    assert legend(drawn)[0] == "classical, 1 or 4 threads"
    assert "median of 3 runs" in drawn.get_supxlabel()
    assert set(names(drawn.axes[0])) == {"PNG", "Mine ‡"}
    assert drawn.axes[1].get_title(loc="right") == "‡ an external program"


@pytest.mark.parametrize(
    ("draw", "nothing"),
    [
        (bpsp, frame([], ResultRow)),
        (speed, frame([], ResultRow)),
        (phases, frame_of([timing_row()])),  # a total alone
        (batches, frame([], BatchRow)),
        (bits, frame([], ChannelBits)),
    ],
)
def test_nothing_measured_is_said(draw, nothing) -> None:
    drawn = draw(nothing)
    assert (len(drawn.texts), drawn.axes) == (1, [])


def test_labels_touch_neither_each_other_nor_points() -> None:
    drawn = new_figure(7, 4)
    axes = drawn.subplots()
    axes.set(xlim=(0, 2), ylim=(0, 2))
    points = [(1.0, 1.0), (1.02, 1.01), (1.01, 1.04), (1.3, 1.05), (2.0, 2.0), (0.99, 1.02)]
    label_points(axes, points, [f"method {i}" for i in range(6)], ["k"] * 6)
    drawn.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    for x, y in axes.transData.transform(points):
        assert not any(box.contains(x, y) for box in boxes)
    lines = {text.xy for text in axes.texts if not text.get_text()}
    assert {points[0], points[1]} <= lines  # these touch
    assert points[4] not in lines


def test_the_same_rows_give_the_same_bytes(rows: DataFrame, tmp_path: Path) -> None:
    for name in ("first", "second"):
        drawn = speed(rows[rows.dataset == "one"])
        save(drawn, tmp_path / f"{name}.svg", tmp_path / f"{name}.png", "stamp")
    assert "stamp" in (tmp_path / "first.svg").read_text()
    assert b"Description\0stamp" in (tmp_path / "first.png").read_bytes()
    for kind in ("svg", "png"):
        first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("first", "second"))
        assert first == second


def by_phase(total: float, shares: dict[tuple[str, str], float], **fields: object) -> list[Row]:
    """A run of encoding and one of decoding, whose phases take shares of the total."""
    return [
        timing_row(direction=way, phase=phase, scale=scale, seconds=total * share, **fields)
        for way in ("encode", "decode")
        for (phase, scale), share in ({("total", ""): 1} | shares).items()
    ]


def test_phases_have_a_column_for_each_method_and_a_row_for_each_computer() -> None:
    rows = [timing_row(key="png", threads=1)]
    shares = {("network", "x"): 0.5, ("container", ""): 0.25}
    runs = ((1, "a", 0, 4), (1, "a", 1, 6), (1, "b", 0, 9), (2, "a", 0, 2))
    for threads, image, run, total in runs:
        rows += by_phase(total, shares, threads=threads, image=image, run=run)
    rows += by_phase(4, {("network", "x"): 0.5, ("network", "z1"): 0.25}, key="rgb", method="RGB")
    drawn = phases(frame_of(rows))
    grid = np.reshape(drawn.axes, (4, 2))
    assert [axes.get_title(loc="left") for axes in grid[0]] == ["L3C", "RGB"]
    given = [axes.get_ylabel().replace("\n", ", ") for axes in grid[:, 0]]
    one, two = ([f"{way}, {n}" for way in ("encode", "decode")] for n in ("1 thread", "2 threads"))
    assert given == one + two
    assert [axes.get_visible() for axes in grid[:, 1]] == [False, False, True, True]
    ticks = [tick.get_text() for tick in grid[2, 0].get_yticklabels()]
    assert ticks == ["$x$", "$z^{(1)}$", "all scales"]
    assert names(grid[0, 0]) == ["3.50 s", "3.50 s", "7.00 s in all"]  # none at z1
    assert names(grid[2, 1]) == ["2.00 s", "1.00 s", "1.00 s", "4.00 s in all"]
    assert legend(drawn) == ["network", "container", "between phases"]
    assert "512x512 pixels" in drawn.get_supxlabel()
    assert len({axes.get_xlim() for axes in grid.flat}) == 1


def test_batches_stand_beside_published_values() -> None:
    runs = [(1, 0, 2), (1, 1, 4), (30, 0, 60), (30, 1, 120)]
    measured = [batch_row(batch=n, run=run, seconds=s) for n, run, s in runs]
    measured += [batch_row(operation="encode", batch=n, seconds=n) for n in (1, 30)]
    measured.append(batch_row(side=320))
    sample = {"table": "A3", "quantity": "sample_s bs30", "value": "1e-3"}
    drawn = batches(frame_of(measured), published(sample, sample | {"table": "2"}))
    (axes,) = drawn.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    lines = [(line.get_color(), line.get_ydata().tolist()) for line in axes.lines]
    assert lines[0][1] == [1e-3]
    assert (LEARNED, [3, 3]) in lines
    assert (LEARNED, [0.5]) in lines
    assert (CLASSICAL, [1, 1]) in lines
    spread = axes.collections[0].get_segments()  # of the two runs at each of two batch sizes
    assert [segment[:, 1].tolist() for segment in spread] == [[2.5, 3.5]] * 2
    assert "one image of 320x320 pixels" in names(axes)
    assert legend(drawn)[-1] == "sampling, published (Table A3)"
    unverified = batches(frame_of(measured), published(sample | {"confidence": "unverified"}))
    assert legend(unverified)[-1].endswith("unverified")


def metrics(count: int, every: int = 0) -> DataFrame:
    rows = np.arange(1, count + 1)
    validated = (rows % every == 0) if every else np.zeros(count, bool)
    columns = {"step": 25 * rows, "train_bpsp": 8 - rows / count}
    return DataFrame(columns | {"validation_bpsp": np.where(validated, 9 - rows / count, np.nan)})


def curves(**models: tuple[str, DataFrame]) -> list[Axes]:
    """Panels of models by label: variant and metrics."""
    tables = {key: rows for key, (_, rows) in models.items()}
    variants = {key: variant for key, (variant, _) in models.items()}
    return training(tables, {key: key.title() for key in models}, variants).axes


def test_every_curve_is_drawn_named_and_looks_the_same_beside_others() -> None:
    (axes,) = curves(one=("l3c", metrics(3)), two=("rgb", metrics(5, 2)))
    assert set(names(axes)) == {"One", "Two"}
    first, second = (text.get_window_extent() for text in axes.texts if text.get_text())
    assert not first.overlaps(second)  # both end at 7
    assert axes.lines[3].get_ydata().tolist() == pytest.approx([8.6, 8.2])

    def looks(axes: Axes) -> list[tuple]:
        return [(line.get_color(), line.get_linestyle()) for line in axes.lines[::2]]

    rows = metrics(3)
    (axes,) = curves(a=("l3c", rows), b=("rgb", rows), c=("l3c", rows), d=("flow", rows))
    assert looks(axes)[1:2] == looks(*curves(b=("rgb", rows)))
    assert len(set(looks(axes))) == 4


def test_bits_of_each_model_are_a_bar_that_adds_up() -> None:
    images = [("smooth", smooth(21, 34)), ("noise", noise(8, 16, 3))]
    codecs = {kind: tiny(kind).codec() for kind in ("l3c", "rgb")}
    rows = [row for kind in codecs for row in measure_bits("toy", kind, codecs[kind], images)]
    (axes,) = bits(frame_of(rows), {"l3c": "L3C"}).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["L3C", "rgb"]
    assert axes.get_title(loc="left") == "toy, mean of 2 images"
    for place, codec in enumerate(codecs.values()):
        total = sum(codec.cross_entropy_bits(image) / image.size for _, image in images) / 2
        parts = [part for part in axes.patches if abs(part.get_y() + 0.23 - place) < 1e-6]
        assert sum(part.get_width() for part in parts) == pytest.approx(total)
        assert f" {total:.2f}" in names(axes)
