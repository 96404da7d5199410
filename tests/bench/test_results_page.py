"""The page about a run: the comparison, what there is, links that lead somewhere."""

import re

from l3c.bench.figures.registry import load_figures
from l3c.bench.results_page import filled, results_page

COMPARISON = "# Comparison\n\n## toy\n\n| Method |\n| --- |\n\n* A remark.\n\nProvenance: x.\n"
OUTPUTS = [
    "rows.csv",
    "tables/comparison.md",
    "tables/comparison.csv",
    "tables/comparison.tex",
    "tables/paper/table7.md",
    "figures/bpsp.svg",
    "figures/bpsp.png",
    "figures/new_one.png",
]
CAPTIONS = {"rows": "One ``row`` each."}


def test_every_output_is_linked_once_or_shown():
    page = results_page(COMPARISON, OUTPUTS, CAPTIONS, "commit c0ffee")
    links = re.findall(r"\[[^\]]+\]\(([^)]+)\)", page)
    assert set(links) == set(OUTPUTS)
    for part in (
        "# Results\n\n",
        "\n\n## toy\n\n| Method |\n| --- |\n\n* A remark.\n\n## Figures\n\n",
        "![Bits per sub-pixel by method](figures/bpsp.png)",
        load_figures()["bpsp"].caption
        + " Files: [SVG](figures/bpsp.svg), [PNG](figures/bpsp.png).",
        "### figures/new_one\n\n![figures/new_one](figures/new_one.png)",
        "* Rows ([CSV](rows.csv)). One `row` each.\n",
        "([Markdown](tables/comparison.md), [CSV](tables/comparison.csv), [LaTeX](",
        "* tables/paper/table7 ([Markdown](tables/paper/table7.md)).\n",
    ):
        assert page.count(part) == 1
    assert page.endswith("\n\nProvenance: commit c0ffee.\n")


def test_a_run_without_figures_has_no_heading_for_them():
    page = results_page(COMPARISON, ["rows.csv"], {}, "commit c0ffee")
    assert "## Figures" not in page
    assert "## Files" in page


def test_empty_tables_and_figures_of_them_are_left_out(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "samples.csv").write_text("dataset\n")
    (tmp_path / "rows.csv").write_text("dataset\ntoy\n")
    kept = ["rows.csv", "figures/bpsp.svg"]
    assert filled(tmp_path, [*kept, "tables/samples.csv", "figures/samples.png"]) == kept
