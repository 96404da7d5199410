"""A run: what it knows of its methods, and its folder or a copy of it."""

import pytest
from result_rows import provenance, result_row, results, write_results

from l3c.bench import run as runs
from l3c.bench.measure.provenance import ProvenanceError, write_provenance
from l3c.bench.run import Run, RunFolderError, open_run, read_run
from l3c.bench.schema import RowError

SCALES = "model.scales: 4 instead of 3"
FROZEN = "train.lr_factors: {} instead of {}"


def test_networks_that_are_not_the_papers_are_told_and_training_is_left_to_the_cards():
    cards = {
        "l3c": [SCALES, "train.steps: 8 instead of 700000", FROZEN],
        "rgb": [SCALES],
        "paper": ["train.steps: 8 instead of 700000"],
    }
    cards = {k: {"name": k.upper(), "deviations": d} for k, d in cards.items()}
    other = "family: mine.py 0123 instead of l3c"
    cards["mine"] = {"name": "Mine", "family": "mine", "deviations": [other, SCALES]}
    run = Run(results([]), cards=cards)
    found = [run.deviation(key) for key in (*cards, "png")]
    assert found == [f"{SCALES}; {FROZEN}", SCALES, "", "", ""]
    assert [key for key in (*cards, "png") if run.is_papers(key)] == ["paper", "png"]
    called = Run(results([]), cards=cards, published_as={"mine": "L3C"})
    assert called.deviation("mine") == f"{other}; {SCALES}"


@pytest.fixture
def folder(tmp_path):
    """As the workflow leaves it."""
    write_results(tmp_path / "rows.csv", [result_row()])
    write_provenance(tmp_path / "provenance.json", provenance())
    return tmp_path


@pytest.mark.parametrize(
    ("file", "change", "error"),
    [
        ("rows.csv", lambda text: text, None),
        ("rows.csv", lambda text: None, RunFolderError),
        ("rows.csv", lambda text: text.splitlines(keepends=True)[0], RunFolderError),
        ("rows.csv", lambda text: text + text.splitlines(keepends=True)[1], RowError),
        ("provenance.json", lambda text: "{}", ProvenanceError),
    ],
)
def test_a_folder_is_read_or_refused(folder, file, change, error):
    path = folder / file
    text = change(path.read_text())
    path.write_text(text) if text is not None else path.unlink()
    if error is None:
        run = open_run(folder)
        found = (len(run.rows), len(run.timing), len(run.lossy), run.provenance.code.commit)
        assert found == (1, 0, 0, "c0ffee")
        return
    with pytest.raises(error, match=path.name.replace(".", r"\.")):
        read_run(folder)


def test_without_a_run_the_results_that_come_along_are_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = open_run("results/run-that-is-not-there")
    assert run.path.parts[-2:] == ("results", "reference")
    assert "l3c" in set(run.rows.key)
    monkeypatch.setattr(runs, "_CHECKOUT", tmp_path / "nowhere")
    for open_it in (open_run, read_run):
        with pytest.raises(RunFolderError):
            open_it("my/run")
