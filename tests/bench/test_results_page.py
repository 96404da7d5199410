"""What a run has to show, and the page of it: what there is, links that lead somewhere."""

import re

import pytest
from result_rows import result_row, write_results

from l3c.bench.figures.registry import load_figures
from l3c.bench.measure.provenance import CodeState, Provenance, write_provenance
from l3c.bench.results_page import outputs, readme
from l3c.bench.run_folder import RunFolder

COMPARISON = "# Comparison\n\n## toy\n\n| Method |\n| --- |\n\n* A remark.\n\nProvenance: x.\n"
OUTPUTS = [
    "rows.csv",
    "tables/comparison.md",
    "tables/comparison.csv",
    "tables/comparison.tex",
    "tables/table7.md",
    "figures/bpsp.svg",
    "figures/bpsp.png",
    "figures/new_one.png",
]


@pytest.fixture
def run(tmp_path):
    write_results(tmp_path / "rows.csv", [result_row()])
    empty = {name: {} for name in ("configuration", "data", "models", "versions")}
    write_provenance(
        tmp_path / "provenance.json", Provenance(code=CodeState("c0ffee", False), **empty)
    )
    for path in OUTPUTS[1:]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("a\n1\n")
    (tmp_path / "tables/comparison.md").write_text(COMPARISON)
    return RunFolder(tmp_path)


def test_every_output_is_linked_once_or_shown(run):
    page = readme(run, OUTPUTS, {"rows": "One ``row`` each."})
    assert set(re.findall(r"\[[^\]]+\]\(([^)]+)\)", page)) == set(OUTPUTS)
    for part in (
        "# Results\n\n",
        "\n\n## toy\n\n| Method |\n| --- |\n\n* A remark.\n\n## Figures\n\n",
        "![Bits per sub-pixel by method](figures/bpsp.png)",
        load_figures()["bpsp"].caption
        + " Files: [SVG](figures/bpsp.svg), [PNG](figures/bpsp.png).",
        "### figures/new_one\n\n![figures/new_one](figures/new_one.png)",
        "* Rows ([CSV](rows.csv)). One `row` each.\n",
        "([Markdown](tables/comparison.md), [CSV](tables/comparison.csv), [LaTeX](",
        "* tables/table7 ([Markdown](tables/table7.md)).\n",
    ):
        assert page.count(part) == 1, part
    assert page.endswith(f"\n\nProvenance: {run.provenance.stamp}.\n")
    assert "## Figures" not in readme(run, ["rows.csv", "tables/comparison.md"], {})


def test_empty_tables_and_figures_of_them_are_left_out(run):
    (run.path / "tables" / "samples.csv").write_text("dataset\n")
    shown = outputs(
        run, ["rows.csv", "figures/bpsp.svg", "tables/samples.csv", "figures/samples.png"]
    )
    assert [each["name"] for each in shown] == ["rows", "figures/bpsp"]
    assert {path for each in outputs(run) for path in each["files"]} == {
        *OUTPUTS,
        "provenance.json",
    }
