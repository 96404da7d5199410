"""From rows to tables, the arithmetic done by hand."""

import csv
import io
from dataclasses import replace

import pytest
from result_rows import failed_row

from l3c.data.manifest import ManifestRow
from l3c.evaluation.counterparts import Counterpart
from l3c.evaluation.layout import NONE
from l3c.evaluation.notes import Context, left_out_csv, make_notes, small_print
from l3c.evaluation.published import PublishedValue
from l3c.evaluation.summary import summarize, totals
from l3c.evaluation.tables import comparison_csv, comparison_latex, comparison_markdown, rates_csv

ID, STAMP = "c0ffee-0123", "commit c0ffee; configuration 0123"


def value(method, bpsp, confidence="recalled"):
    return PublishedValue(
        "1", "Open Images", "v3", method, "bpsp", bpsp, "bpsp", confidence, "", f"{bpsp:.3f}"
    )


PUBLISHED = {
    "l3c": value("L3C", 2.0),
    "jpeg2000": value("JPEG2000", 3.0, "primary"),
    "pixelcnn": value("PixelCNN", 1.0),
}


@pytest.fixture
def rows(make_row):
    l3c = {"key": "l3c", "method": "L3C", "version": "l3c 0.1"}
    other = {"key": "jpeg2000", "method": "JPEG 2000", "in_process": False}
    rows = []
    for small, large in ("ab", "cd"):
        rows += [
            make_row(**l3c, image=small, num_bytes=300, bits_theory=2390.0),  # 4 bpsp
            make_row(**l3c, image=large, height=20, num_bytes=300, bits_theory=2398.0),  # 2 bpsp
        ]
    for small, large in ("ab", "cd"):
        rows += [
            make_row(**other, image=small, num_bytes=450),  # 6 bpsp
            make_row(**other, image=large, height=20, num_bytes=450),  # 3 bpsp
        ]
    return rows


@pytest.fixture
def comparison(rows, make_record):
    records = [
        make_record(key="l3c", method="L3C", version="l3c 0.1"),
        make_record(key="jpeg2000", method="JPEG 2000"),
        make_record(key="flif", method="FLIF", measured=False, reason="no node", version=""),
    ]
    return {"toy": summarize(rows, records, PUBLISHED, "toy", {})}


@pytest.fixture
def context(rows):
    kept = [
        ManifestRow(
            image=name,
            source=name,
            status="kept",
            pixel_sha256=str(i) * 64,
            licence='Toy32, "small" edition: CC0',
        )
        for i, name in enumerate("ab")
    ]
    dropped = ManifestRow(image="c", source="c.png", status="dropped", reason="greyscale")
    train = ManifestRow(image="t", source="t", status="kept", pixel_sha256="9" * 64)
    recipe = {"name": "small"}
    card = {"name": "L3C", "parameters": 1234567, "steps": 2000, "train_s": 200.0, "recipe": recipe}
    card["deviations"] = ["model.scales: 4 instead of 3", "train.steps: 2000 instead of 700000"]
    card["images"] = 1
    manifests = {"toy": [*kept, dropped], "train": [train]}
    counterparts = {"toy": Counterpart("Open Images v3", False, "")}
    return Context(rows, manifests, {"l3c": "train"}, {"l3c": card}, counterparts)


def lines_of(text):
    return {(line["dataset"], line["method"]): line for line in csv.DictReader(io.StringIO(text))}


def test_totals_by_hand(rows):
    result = totals(rows[:4])
    assert result.mean_bpsp == pytest.approx(3.0)
    assert result.mean_interval == (2.0, 4.0)
    assert totals(rows[:3]).mean_interval is None
    assert result.total_bpsp == pytest.approx(9600 / 3600)
    assert result.theory_bpsp == pytest.approx(9576 / 3600)
    assert result.gap_percent == pytest.approx(100 * 24 / 9576)
    assert result.decode_s == 0.125
    assert result.decode_mb_s == pytest.approx(3600 / 1e6 / 0.5)
    assert totals([]) is None


def test_differences_are_ours_to_ours_and_published_to_published(comparison):
    l3c, jpeg2000, flif, pixelcnn = comparison["toy"]
    assert l3c.vs_reference == 0
    assert jpeg2000.vs_reference == pytest.approx(50)
    assert jpeg2000.published_vs_reference == pytest.approx(50)
    assert jpeg2000.totals.theory_bpsp is None
    assert (flif.totals, flif.reason, flif.published) == (None, "no node", None)
    assert (pixelcnn.key, pixelcnn.published_vs_reference) == ("", pytest.approx(-50))


def test_a_model_of_another_key_is_the_reference_where_it_was_published_as_it(
    make_row, make_record
):
    rows = [
        make_row(key="l3c_imagenet32", method="L3C (ImageNet32)", num_bytes=300),
        make_row(key="jpeg2000", method="JPEG 2000", num_bytes=330),
    ]
    records = [make_record(key=row.key, method=row.method) for row in rows]
    own = {"l3c_imagenet32": "L3C"}
    l3c, jpeg2000, _ = summarize(rows, records, PUBLISHED, "toy", own)
    assert (l3c.published.value, l3c.vs_reference) == (2.0, 0)
    assert jpeg2000.vs_reference == pytest.approx(10)
    assert summarize(rows, records, PUBLISHED, "toy", {})[0].vs_reference is None


def test_csv_has_a_line_for_everything_measured_or_not(comparison):
    lines = lines_of(comparison_csv(comparison, ID))
    assert lines["toy", "L3C"]["mean_bpsp"] == "3.0"
    assert lines["toy", "L3C"]["mean_bpsp_low"] == "2.0"
    assert lines["toy", "L3C"]["mean_bpsp_high"] == "4.0"
    assert lines["toy", "L3C"]["gap_percent"] == "0.251"
    assert lines["toy", "L3C"]["lossless"] == "4/4"
    assert lines["toy", "FLIF"]["status"] == "not measured: no node"
    assert lines["toy", "FLIF"]["mean_bpsp"] == ""
    assert lines["toy", "PixelCNN"]["published_confidence"] == "recalled"
    assert {line["provenance"] for line in lines.values()} == {ID}


def test_rates_do_not_know_the_clock_or_the_machine(rows, make_record, comparison):
    slower = [row.model_copy(update={"decode_s": 9.0, "hardware": "other"}) for row in rows]
    records = [
        make_record(key="l3c", method="L3C"),
        make_record(key="jpeg2000", method="JPEG 2000"),
    ]
    one, two = ({"toy": summarize(r, records, PUBLISHED, "toy", {})} for r in (rows, slower))
    assert rates_csv(one, ID) == rates_csv(two, ID)
    assert comparison_csv(one, ID) != comparison_csv(two, ID)


def test_markdown_says_what_is_what(comparison, context):
    text = comparison_markdown(comparison, make_notes(comparison, context), STAMP)
    lines = text.splitlines()[4:10]
    table = {line.split("|")[1].strip(): line for line in lines}
    assert "2.000†" in table["L3C"]  # recalled
    assert f"2.000{NONE}4.000" in table["L3C"]
    assert "3.000 " in table["JPEG 2000‡"]  # primary, external
    assert "+50.0 %" in table["JPEG 2000‡"]
    assert "not measured" in table["FLIF"]
    assert "* FLIF: not measured (no node)." in text
    assert "* 1 left out: c.png: greyscale." in text
    assert '* Source and licence of the images: Toy32, "small" edition: CC0.' in text
    assert "Only published, not measured here: PixelCNN." in text
    assert "1,234,567" in text
    assert "* **L3C here is not the paper's network**: model.scales: 4 instead of 3.\n" in text
    assert "3.3 min" in text
    assert "a machine, 2 cores; Python 3.11" in text
    assert "unverified" in text
    assert "* Published: L3C paper, Open Images v3; other images than those measured" in text
    assert "have seen them" not in text
    assert text.endswith(f"\n\nProvenance: {STAMP}.\n")
    assert len({len(line) for line in lines}) == 1  # the columns line up


def test_a_machine_that_was_not_quiet_is_said(comparison, context):
    for load, said in ((0.05, False), (0.5, True)):
        rows = [row.model_copy(update={"other_load": load}) for row in context.rows]
        now = replace(context, rows=rows)
        text = comparison_markdown(comparison, make_notes(comparison, now), STAMP)
        assert ("not quiet" in text) == said
        assert any("not quiet" in line for line in small_print(comparison, now)) == said


def test_one_image_is_no_images(comparison, context):
    del context.manifests["toy"][1]
    text = comparison_markdown(comparison, make_notes(comparison, context), STAMP)
    assert "* 1 image measured, each decoded" in text
    assert "train, 1 image |" in text
    assert "1 images" not in text


def test_a_test_image_that_was_trained_on_is_said(comparison, context):
    context.manifests["train"].append(context.manifests["toy"][0])
    text = comparison_markdown(comparison, make_notes(comparison, context), STAMP)
    assert "the learned methods have seen them" in text


def test_latex_is_escaped_and_says_what_was_measured_with(comparison, context):
    comparison = {"my_set": comparison["toy"]}
    text = comparison_latex(comparison, small_print(comparison, context), STAMP)
    assert "my\\_set" in text
    assert "\\label{tab:comparison-my_set}\n" in text
    assert f"\n  \\noindent Provenance: {STAMP}.\\par\n" in text
    assert "\n  \\noindent L3C: l3c 0.1 (level=9).\\par\n" in text
    assert "L3C here is not the paper's network: model.scales: 4 instead of 3." in text
    assert "JPEG 2000$^\\ddagger$" in text
    assert "2.000$^\\dagger$" in text
    assert "+50.0 \\%" in text
    assert "†" not in text
    assert "$-$50.0 \\%" in text  # published PixelCNN, below L3C
    assert "+0.25 \\%" in text  # the gap, in the second tabular
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") == 2
    assert text.count("\\begin{table}") == 1
    assert text.count("{") == text.count("}")


def test_left_out_lists_every_dropped_image(context):
    assert left_out_csv(context.manifests, ID).splitlines() == [
        "dataset,image,source,reason,provenance",
        f"toy,c,c.png,greyscale,{ID}",
    ]


def test_a_method_that_failed_is_in_the_table_and_in_no_mean(rows, make_record, context):
    records = [
        make_record(key="l3c", method="L3C"),
        make_record(key="jpeg2000", method="JPEG 2000"),
        make_record(key="mine", method="Mine"),
    ]
    partly = [row for row in rows if (row.key, row.image) != ("jpeg2000", "d")]
    failed = [failed_row(key="jpeg2000", method="JPEG 2000", image="d")]
    failed += [failed_row(key="mine", method="Mine", image=image) for image in "abcd"]
    comparison = {"toy": summarize(partly, records, {}, "toy", {}, failed)}
    lines = list(csv.DictReader(io.StringIO(comparison_csv(comparison, ID))))
    assert [line["lossless"] for line in lines] == ["4/4", "3/4", "0/4"]
    assert [line["mean_bpsp"] for line in lines] == ["3.0", "5.0", ""]
    # Its mean is over other images than the reference's.
    assert [line["vs_l3c_percent"] for line in lines] == ["0.0", "", ""]
    assert lines[0]["status"] == "measured"
    assert lines[1]["status"] == "failed on 1 of 4 images: d: encode: RuntimeError: no idea"
    assert lines[2]["status"].startswith("failed on 4 of 4 images: a: encode: ")
    text = comparison_markdown(comparison, make_notes(comparison, context), STAMP)
    [partly, wholly] = [line for line in text.splitlines() if line.startswith(("| JPEG", "| Mine"))]
    assert "5.000 (3/4 images)" in partly
    assert [cell.strip() for cell in wholly.split("|")][2] == "failed"
    assert text.count("encode: RuntimeError: no idea") == 5


def test_nothing_is_above_a_reference_that_failed(rows, make_record):
    records = [
        make_record(key="l3c", method="L3C"),
        make_record(key="jpeg2000", method="JPEG 2000"),
    ]
    failed = [failed_row(key="l3c", method="L3C", image="x")]
    found = summarize(rows, records, {}, "toy", {}, failed)
    assert [item.vs_reference for item in found] == [None, None]
