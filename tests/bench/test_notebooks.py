"""Notebooks: those of notebooks/ are clean and run; pages need nothing; errors name the cell."""

import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from l3c.bench.notebooks import NotebookError, execute, to_page

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PLOT = """\
%matplotlib inline
%config InlineBackend.figure_formats = ["svg"]
from matplotlib.figure import Figure
figure = Figure(figsize=(2, 1))
figure.subplots().plot([1, 2])
figure"""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebooks_are_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec"}, "make notebooks"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}, "make notebooks"
        assert not cell.get("outputs"), "make notebooks"
        assert cell.get("execution_count") is None, "make notebooks"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebooks_run_on_the_results_that_come_along(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    executed = execute(path, {"RUN": "no/such/run"})
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    said = [output for cell in code for output in cell.outputs if output.get("name") == "stderr"]
    assert said == []
    assert not list(tmp_path.iterdir())


@pytest.fixture
def make_notebook(tmp_path):
    """A notebook of the given cells of code below a heading and a cell of parameters."""

    def make(*cells):
        parameters = new_code_cell("RUN = 'mine'\nOTHER = 1", metadata={"tags": ["parameters"]})
        code = [new_code_cell(text) for text in cells]
        path = tmp_path / "some.ipynb"
        about = new_markdown_cell("# A <notebook>\n\nwith <https://example.org/a-link>")
        nbformat.write(new_notebook(cells=[about, parameters, *code]), path)
        return path

    return make


def outputs(cell):
    return [output.get("text") or output["data"]["text/plain"] for output in cell.outputs]


def test_a_notebook_gets_parameters_folder_and_interpreter(make_notebook, tmp_path, monkeypatch):
    # Neither a home nor a kernel that is installed is needed, nor is anything left there.
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    path = make_notebook("RUN, OTHER", "import os, sys\nprint(os.getcwd(), sys.executable)", PLOT)
    before = path.read_text()
    executed = execute(path, {"RUN": "given", "UNKNOWN": 2}, "commit 123")
    assert outputs(executed.cells[2]) == ["('given', 1)"]
    assert outputs(executed.cells[3]) == [f"{os.path.realpath(tmp_path)} {sys.executable}\n"]
    assert "image/svg+xml" in executed.cells[4].outputs[0].data
    assert [cell.get("execution_count") for cell in executed.cells] == [None, 1, 2, 3, 4, None]
    assert path.read_text() == before
    assert not list(home.rglob("*ipython*")) + list(home.rglob("*jupyter*"))
    nbformat.validate(executed)
    page = to_page(executed, "A <notebook>")
    assert "<title>A &lt;notebook&gt;</title>" in page
    assert "data:image/svg+xml;base64," in page
    assert "Provenance: commit 123." in page
    loaded = r"<(?:script|link|iframe|object|embed)\b|\bsrc=\"(?!data:)|url\(|@import"
    assert re.findall(loaded, page) == []


def test_an_error_names_notebook_cell_and_error(make_notebook):
    path = make_notebook("1 + 1", "raise KeyError('no such thing')", "print('never')")
    with pytest.raises(NotebookError) as caught:
        execute(path, {"RUN": "given"})
    assert str(caught.value) == f"{path}, cell 3: KeyError: 'no such thing'"
    assert "raise KeyError" in str(caught.value.__cause__)  # the traceback, for the log
