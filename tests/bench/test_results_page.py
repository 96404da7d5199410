"""The page about a run: what was measured, what there is, links that lead somewhere."""

import re

import pytest
from result_rows import failed_row, method_record, result_row, results

from l3c.bench.measure.provenance import CodeState, Provenance
from l3c.bench.results_page import RunFacts, results_page

CHANGED = CodeState("c0ffee" * 6 + "beef", changed=True)
OVERVIEW = """## toy

| Method | bpsp |
| ------ | ---: |
| PNG    | 4.00 |

* 2 images measured.
"""
OUTPUTS = [
    "rows.csv",
    "batches.csv",
    "tables/comparison.md",
    "tables/comparison.csv",
    "tables/comparison.tex",
    "tables/paper/table7.md",
    "figures/bpsp.svg",
    "figures/bpsp.png",
    "figures/new_one.png",
]


@pytest.fixture
def make_page():
    """A page about two data sets; keywords replace what is known of the run."""

    def make(outputs=OUTPUTS, code=CHANGED, models=None, failed=(), records=()):
        rows = [
            result_row(image="a"),
            result_row(image="b"),
            result_row(dataset="other"),
            result_row(key="l3c", method="L3C"),
        ]
        models = {"l3c": "0123456789abcdef"} if models is None else models
        provenance = Provenance(code, {}, {}, models, {"numpy": "2.4.6"})
        facts = RunFacts(results([*rows, *failed]), provenance, {"l3c": "L3C"}, records)
        captions = {
            "bpsp": "Lower is better.",
            "rows": "One ``row`` each.",
            "batches": "Batches.",
        }
        return results_page(facts, outputs, captions, OVERVIEW)

    return make


def test_the_first_paragraph_says_what_was_measured(make_page):
    paragraph = make_page().splitlines()[2]
    assert paragraph.startswith(
        "2 methods on 2 data sets, toy (2 images), other (1 image): PNG, L3C."
    )
    assert "Trained for it: L3C (`0123456789abcdef`)." in paragraph
    assert "Measured on: a machine, 2 cores; Python 3.11." in paragraph
    assert "Code: commit `c0ffeec0ffee` with changes; configuration: `" in paragraph


def test_a_run_without_commit_and_models_says_so(make_page):
    paragraph = make_page(code=CodeState("", False), models={}).splitlines()[2]
    assert "No model was trained." in paragraph
    assert "Code: no commit; configuration: `" in paragraph


def test_the_overview_is_shown_with_the_way_to_its_notes(make_page):
    assert f"\n\n{OVERVIEW}\n[Definitions of columns" in make_page()


def test_every_output_is_linked_once_or_shown(make_page):
    text = make_page()
    links = re.findall(r"\[([^\]]+)\]\(([^)]+)\)", text)
    assert {target for _, target in links} == set(OUTPUTS)
    assert "![Bits per sub-pixel by method](figures/bpsp.png)" in text
    assert "Lower is better. Files: [SVG](figures/bpsp.svg), [PNG](figures/bpsp.png)." in text
    assert "* Rows ([CSV](rows.csv)). One `row` each.\n" in text
    assert "* Rows of batches ([CSV](batches.csv)). Batches.\n" in text
    assert "([Markdown](tables/comparison.md), [CSV](tables/comparison.csv), [LaTeX](" in text


def test_outputs_without_a_title_are_named_by_their_path(make_page):
    text = make_page()
    assert "* tables/paper/table7 ([Markdown](tables/paper/table7.md)).\n" in text
    assert "### figures/new_one\n\n![figures/new_one](figures/new_one.png)" in text


def test_a_run_without_figures_has_no_heading_for_them(make_page):
    text = make_page(outputs=["rows.csv"])
    assert "## Figures" not in text
    assert "## Files" in text
    assert text.endswith(".\n")
    assert text.splitlines()[-1].startswith("Provenance: commit c0ffeec0ffee with changes; ")


def test_what_failed_or_is_missing_is_said_at_the_top(make_page):
    records = [method_record(), method_record(key="flif", method="FLIF", reason="no node")]
    text = make_page(failed=[failed_row(image="c")], records=records)
    top = text[: text.index("## ")]
    assert "* **PNG on toy** failed on 1 of 3 images: c: encode: RuntimeError: no idea." in top
    assert "* **FLIF on toy** was not measured: no node." in top
