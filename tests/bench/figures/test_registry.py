"""Figures are functions found by name; a run's tables come to them as DataFrames."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame
from result_rows import failed_row, frame_of, result_row, write_results

from l3c.bench.figures import registry
from l3c.bench.figures.registry import figure, load_figures, read_frame, read_inputs

ROOT = Path(__file__).resolve().parents[3]


def test_every_figure_has_a_title_and_a_caption() -> None:
    for name, spec in load_figures().items():
        assert name == spec.draw.__name__
        assert len(spec.title) < 60 < len(spec.caption), name
        assert spec.needs <= set(spec.reads)


def test_a_function_is_a_figure_with_what_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "FIGURES", {})

    @figure(pictures=True)
    def mine(rows: DataFrame, repeats: int = 1) -> Figure:
        """Mine alone.

        What it
        shows.

        Args:
            rows: of results.
        """
        return Figure()

    spec = registry.FIGURES["mine"]
    assert (spec.title, spec.caption, spec.pictures) == ("Mine alone", "What it shows.", True)
    assert (spec.reads, spec.needs) == (("rows", "repeats"), {"rows"})


def test_rows_are_read_as_they_were_written_without_failures(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = [result_row(image="007"), result_row(image="nan", in_process=False)]
    write_results(path, [*rows, failed_row()])
    frame = read_frame(path)
    assert frame["image"].tolist() == ["007", "nan"]
    assert frame["in_process"].tolist() == [True, False]
    assert frame["bpsp"].tolist() == frame_of(rows)["bpsp"].tolist()


def test_inputs_are_read_by_the_names_of_parameters(tmp_path: Path) -> None:
    write_results(tmp_path / "rows.csv", [result_row()])
    (tmp_path / "l3c.csv").write_text("step,train_bpsp\n1,8\n")
    files = {
        "rows": [tmp_path / "rows.csv"],
        "published": [ROOT / "results" / "published.csv"],
        "metrics": [tmp_path / "l3c.csv"],
        "sample_folder": [tmp_path],
    }
    reads = ("rows", "published", "metrics", "sample_folder", "repeats", "elsewhere")
    given = read_inputs(reads, files, {"repeats": 3, "label": "not asked for"})
    assert set(given) == {*files, "repeats"}
    assert given["rows"]["key"].tolist() == ["png"]
    assert given["metrics"]["l3c"]["step"].tolist() == [1]
    assert given["published"][0].value > 0
    assert (given["sample_folder"], given["repeats"]) == (tmp_path, 3)
