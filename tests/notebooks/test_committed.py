"""The notebooks in notebooks/: no outputs, and they run to their end."""

from pathlib import Path

import pytest

from l3c.notebooks.execution import execute
from l3c.notebooks.reading import read
from l3c.notebooks.tidy import main, tidied

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebooks_are_tidy(path):
    notebook = read(path)
    assert path.read_text("utf-8") == tidied(notebook), (
        f"python -m l3c.notebooks.tidy notebooks/{path.name}"
    )
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["results", "one_image", "add_your_codec"])
def test_committed_notebooks_run_on_the_results_that_come_along(name, tmp_path):
    executed = execute(ROOT / "notebooks" / f"{name}.ipynb", {"RUN": "no/such/run"}, tmp_path)
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    said = [output for cell in code for output in cell.outputs if output.get("name") == "stderr"]
    assert said == []
    assert not list(tmp_path.iterdir())


def test_playing_leaves_nothing_that_is_committed(tmp_path, capsys):
    original = NOTEBOOKS[0].read_text("utf-8")
    notebook = read(NOTEBOOKS[0])
    for cell in notebook.cells:
        cell.metadata["collapsed"] = True
        if cell.cell_type == "code":
            cell.execution_count = 3
    notebook.metadata["language_info"]["version"] = "3.99"
    played = tmp_path / "played.ipynb"
    played.write_text(tidied(notebook).replace('"execution_count": null', '"execution_count": 7'))
    assert main([str(played)]) == 0
    assert played.read_text("utf-8") == original
    assert main([str(tmp_path / "gone.ipynb")]) == 1
    assert "gone.ipynb: cannot be read" in capsys.readouterr().err
