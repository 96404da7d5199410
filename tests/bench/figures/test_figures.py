"""Figures are functions found by name; what must not touch. test_drawn.py has what they show."""

import itertools
from pathlib import Path

import pytest
from matplotlib.text import Text
from result_rows import failed_row, frame_of, result_row, timing_row
from tiny_models import smooth

from baselines.user_files import MethodFileError
from l3c.bench.figures import models, registry
from l3c.bench.figures.models import bits
from l3c.bench.figures.registry import FigureSpec, draw_figure, load_figures
from l3c.bench.figures.style import label_points, new_figure
from l3c.bench.schema import KINDS, frame, write

ROOT = Path(__file__).resolve().parents[3]


def test_every_figure_has_a_title_and_a_caption():
    for name, spec in load_figures().items():
        assert name == spec.draw.__name__
        assert len(spec.title) < 60 < len(spec.caption), name
        assert spec.needs <= set(spec.reads)


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Loads the figures of a file of this text, for this test alone."""
    monkeypatch.setattr(registry, "FIGURES", dict(load_figures()))

    def load(text):
        (tmp_path / "own.py").write_text(text)
        return load_figures([tmp_path / "own.py"])

    return load


FIGURE = """
from matplotlib.figure import Figure
from l3c.bench.figures.registry import figure

@figure()
def {name}({parameter}, repeats: int = 1) -> Figure:
    \'\'\'Mine alone.

    What it
    shows.

    Args:
        rows: of results.
    \'\'\'
    return Figure()
"""


def test_a_function_in_a_file_anywhere_is_a_figure(load, tmp_path):
    spec = load(FIGURE.format(name="mine", parameter="rows"))["mine"]
    assert (spec.title, spec.caption) == ("Mine alone", "What it shows.")
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
def test_a_figure_that_cannot_be_used_is_named(text, named, load):
    with pytest.raises(MethodFileError) as caught:
        load(text)
    assert [each for each in ("own.py", *named) if each not in str(caught.value)] == []


@pytest.fixture
def made(tmp_path):
    """Draws a figure of rows in files: the function gets their tables, and facts."""

    def made(draw, facts=None, **rows):
        files = {name: [tmp_path / f"{name}.csv"] for name in rows}
        for name, paths in files.items():
            write(paths[0], frame(rows[name], KINDS[name]))
        files["metrics"] = [tmp_path / "l3c.csv"]
        files["metrics"][0].write_text("step,train_bpsp\n1,8\n")
        files["published"] = [ROOT / "results" / "published.csv"]
        files["sample_folder"] = [tmp_path]
        files["codec"] = [ROOT / "models" / "interlaced-small.safetensors"]
        spec = load_figures()[draw] if isinstance(draw, str) else draw
        return draw_figure(spec, files, facts or {})

    return made


def test_inputs_are_read_by_the_names_of_parameters(made, tmp_path):
    kept = [result_row(image="007"), result_row(image="nan", in_process=False)]
    reads = ("rows", "metrics", "published", "sample_folder", "codec", "repeats", "label")
    given = {}
    spec = FigureSpec("", "", given.update, tmp_path, reads, frozenset(["rows"]))
    made(spec, {"repeats": 3, "images": 1}, rows=[*kept, failed_row()])
    assert set(given) == {*reads} - {"label"}
    assert given["rows"].equals(frame_of(kept))
    assert given["metrics"]["l3c"].step.tolist() == [1]
    assert len(given["published"])
    assert (given["sample_folder"], given["repeats"]) == (tmp_path, 3)
    assert given["codec"].symbol_bits(smooth(8, 8))


def test_nothing_measured_is_said(made):
    total = timing_row(key="png", method="PNG")  # of no phases
    drawn = [made("bpsp", rows=[failed_row()]), made("phases", timing=[total])]
    drawn += [made(name, **{name: []}) for name in ("batches", "bits")]
    for figure in drawn:
        assert (len(figure.texts), figure.axes) == (1, [])


def test_labels_touch_neither_each_other_nor_points():
    drawn = new_figure(7, 4)
    axes = drawn.subplots()
    axes.set(xlim=(0, 2), ylim=(0, 2))
    points = [(1.0, 1.0), (1.02, 1.01), (1.01, 1.04), (1.3, 1.05), (2.0, 2.0), (0.99, 1.02)]
    label_points(axes, points, [f"method {i}" for i in range(6)], ["k"] * 6)
    drawn.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    for x, y in axes.transData.transform(points):
        assert not any(box.contains(x, y) for box in boxes)
    led = {text.xy for text in axes.texts if text.arrow_patch.get_visible()}
    assert {points[0], points[1]} <= led  # these touch
    assert points[4] not in led
