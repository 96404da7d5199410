"""Figures are functions found by name; what must not touch. test_drawn.py has what they show."""

import itertools
from pathlib import Path

import pytest
from result_rows import failed_row, frame_of, result_row, write_results
from tiny_models import smooth

from l3c.bench.figures import models, registry
from l3c.bench.figures.models import bits
from l3c.bench.figures.registry import FigureError, load_figures, read_inputs
from l3c.bench.figures.style import label_points, new_figure

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


def test_a_function_in_a_file_anywhere_is_a_figure(load, tmp_path):
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
def test_a_figure_that_cannot_be_used_is_named(text, named, load):
    with pytest.raises(FigureError) as caught:
        load(text)
    assert [each for each in ("own.py", *named) if each not in str(caught.value)] == []


def test_inputs_are_read_by_the_names_of_parameters(tmp_path):
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


def test_labels_touch_neither_each_other_nor_points():
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
