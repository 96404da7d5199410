"""The folder of a run, or a copy of it."""

import pytest
from result_rows import result_row, write_results

from l3c.bench import run_folder
from l3c.bench.measure.provenance import CodeState, Provenance, ProvenanceError, write_provenance
from l3c.bench.run_folder import RunFolder, RunFolderError, open_run
from l3c.bench.schema import RowError

PROVENANCE = Provenance(
    code=CodeState("c0ffee", False), configuration={}, data={}, models={}, versions={"numpy": "2.0"}
)


@pytest.fixture
def folder(tmp_path):
    """As the workflow leaves it."""
    learned = result_row(key="l3c", method="L3C", cross_entropy_bits=2000.0)
    write_results(tmp_path / "rows.csv", [learned, result_row()])
    write_provenance(tmp_path / "provenance.json", PROVENANCE)
    return tmp_path


def test_a_folder_is_read(folder):
    run = open_run(folder)
    assert (run.path, len(run.rows), len(run.timing)) == (folder, 2, 0)
    assert run.provenance == PROVENANCE


def everything_of(folder):
    run = RunFolder(folder)
    return run.rows, run.provenance


@pytest.mark.parametrize(
    ("file", "change", "error"),
    [
        ("rows.csv", lambda text: None, RunFolderError),
        ("rows.csv", lambda text: text.splitlines(keepends=True)[0], RunFolderError),
        ("rows.csv", lambda text: text + text.splitlines(keepends=True)[1], RowError),
        ("provenance.json", lambda text: "[]", ProvenanceError),
        ("provenance.json", lambda text: "{}", ProvenanceError),
    ],
)
def test_folders_that_are_none_are_refused(folder, file, change, error):
    path = folder / file
    text = change(path.read_text())
    path.write_text(text) if text is not None else path.unlink()
    with pytest.raises(error, match=path.name.replace(".", r"\.")):
        everything_of(folder)


def test_without_a_run_the_results_that_come_along_are_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = open_run("results/run-that-is-not-there")
    assert run.path.parts[-2:] == ("results", "reference")
    assert "l3c" in set(run.rows.key)
    monkeypatch.setattr(run_folder, "_CHECKOUT", tmp_path / "nowhere")
    with pytest.raises(RunFolderError):
        open_run("my/run")
    with pytest.raises(RunFolderError):
        RunFolder("my/run")
