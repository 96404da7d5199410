"""A run's folder as notebooks see it."""

from pathlib import Path

import pytest
from result_rows import result_row, write_results

from l3c.bench import run_folder
from l3c.bench.run_folder import RunFolder, open_run
from l3c.bench.schema import RowError


def test_rows_tables_and_figures_of_a_run(tmp_path):
    learned = result_row(key="l3c", method="L3C", cross_entropy_bits=2000.0)
    write_results(tmp_path / "rows.csv", [learned, result_row()])
    for name in ("tables/b.md", "tables/paper/a.md", "figures/speed.png", "figures/bpsp.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    run = open_run(tmp_path)
    assert (len(run.rows), run.learned) == (2, ["l3c"])
    assert run.tables() == {"b": "tables/b.md", "paper/a": "tables/paper/a.md"}
    assert list(run.figures()) == ["bpsp", "speed"]
    assert all(path.is_file() for path in run.figures().values())


def test_a_page_of_all_tables_of_a_folder_stands_for_them(tmp_path):
    for name in ("tables/b.md", "tables/paper/paper.md", "tables/paper/table1.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert list(RunFolder(tmp_path).tables()) == ["b", "paper/paper"]


def test_without_a_run_the_results_that_come_along_stand_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = open_run("results/run-that-is-not-there")
    assert run.path.parts[-2:] == ("results", "reference")
    assert "l3c" in run.learned
    monkeypatch.setattr(run_folder, "_CHECKOUT", Path("nowhere"))
    with pytest.raises(RowError, match=r"my/run: no rows\.csv there: run the workflow"):
        open_run("my/run")
