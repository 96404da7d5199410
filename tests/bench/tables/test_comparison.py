"""The comparison from made-up rows, the arithmetic done by hand."""

from dataclasses import replace

import pytest
from result_rows import failed_row, method_record, records, result_row, results
from table_files import ID, STAMP, cells, lines, published, sections, text

from l3c.bench.published import Counterpart
from l3c.bench.run import Run
from l3c.bench.schema import AsPublished, frame
from l3c.bench.tables.comparison import compare_methods
from l3c.bench.tables.layout import NONE
from l3c.data.images import ManifestRow

L3C = {"key": "l3c", "method": "L3C", "version": "l3c 0.1"}
JPEG2000 = {"key": "jpeg2000", "method": "JPEG 2000", "in_process": False}
RECORDS = [
    method_record(**L3C),
    method_record(key="jpeg2000", method="JPEG 2000"),
    method_record(key="flif", method="FLIF", measured=False, reason="no node", version=""),
]
UNVERIFIED = {"value": "2.000", "confidence": "unverified"}
READ = [{"method": "JPEG2000", "value": "3.000"}, {"method": "PixelCNN", "value": "1.000"}]
HEIGHTS = {"a": 10, "b": 20, "c": 10, "d": 20}
ROWS = [
    *(  # 4 and 2 bpsp
        result_row(**L3C, image=image, height=h, cross_entropy_bits=2382.0 + 0.8 * h)
        for image, h in HEIGHTS.items()
    ),
    *(  # 6 and 3 bpsp
        result_row(**JPEG2000, image=image, height=h, num_bytes=450) for image, h in HEIGHTS.items()
    ),
]


def kept(image, pixels, licence=""):
    pixels *= 64
    about = {"status": "kept", "pixel_sha256": pixels, "licence": licence}
    return ManifestRow(image=image, source=image, **about)


@pytest.fixture
def run():
    """Two methods on four images, and one that is not there."""
    licence = 'Toy32, "small" edition: CC0'
    dropped = ManifestRow(image="c", source="c.png", status="dropped", reason="greyscale")
    card = {"name": "L3C", "parameters": 1234567, "steps": 2000, "train_s": 200.0, "images": 1}
    card |= {"recipe": {"name": "small"}}
    card["deviations"] = ["model.scales: 4 instead of 3", "train.steps: 2000 instead of 700000"]
    return Run(
        rows=results(ROWS),
        records=records(*RECORDS),
        published=published(UNVERIFIED, *READ),
        manifests={
            "toy": [kept("a", "0", licence), kept("b", "1", licence), dropped],
            "train": [kept("t", "9")],
        },
        counterparts={"toy": Counterpart("Set v3", False, "")},
        cards={"l3c": card},
        trained_on={"l3c": "train"},
    )


def by_method(run, name="comparison"):
    return {line["method"]: line for line in lines(run, name)}


def shown(run):
    """Printed cells of each method."""
    return cells(list(sections(text(run, "comparison")).values())[1])


def test_only_values_read_in_the_paper_are_beside_ours(run):
    found = compare_methods(run, "toy").set_index("method").printed.to_dict()
    assert found == {"L3C": NONE, "JPEG 2000": "3.000", "FLIF": NONE, "PixelCNN": "1.000"}
    without = replace(run, published=published(UNVERIFIED))
    assert "published bpsp" not in shown(without)["L3C"]
    assert "\n## toy\n" in text(without, "comparison")


def test_csv_has_a_line_for_everything_measured_or_not(run):
    found = by_method(run)
    l3c = {"images": "4", "mean_bpsp": "3", "mean_bpsp_low": "2", "mean_bpsp_high": "4"}
    l3c |= {"gap_percent": "0.250627", "lossless": "4/4", "threads": "2", "published_bpsp": ""}
    assert l3c.items() <= found["L3C"].items()
    flif = {"status": "not measured: no node", "mean_bpsp": "", "images": "", "lossless": ""}
    assert flif.items() <= found["FLIF"].items()
    assert found["PixelCNN"]["published_bpsp"] == "1"
    assert {line["provenance"] for line in found.values()} == {ID}


def test_rates_do_not_know_the_clock_or_the_machine(run):
    slower = replace(run, rows=run.rows.assign(decode_s=9.0, hardware="other"))
    assert text(run, "rates", "csv") == text(slower, "rates", "csv")
    assert text(run, "comparison", "csv") != text(slower, "comparison", "csv")


def test_markdown_has_the_table_and_what_it_was_measured_with(run):
    page = text(run, "comparison")
    assert page.startswith("# Comparison\n\n## toy, stands in for Set v3\n\n| Method")
    found = shown(run)
    assert list(found) == ["L3C", "JPEG 2000‡", "FLIF", "PixelCNN"]
    assert found["L3C"]["95 % interval"] == f"2.000{NONE}4.000"
    assert found["JPEG 2000‡"]["vs. L3C"] == "+50.0 %"
    assert found["FLIF"]["bpsp"] == "not measured"
    for part in (
        "* FLIF: not measured (no node).",
        "* 1 left out: c.png: greyscale.",
        'Toy32, "small" edition: CC0.',
        "Only published, not measured here: PixelCNN.",
        "1,234,567",
        "* **L3C here is not the paper's network**: model.scales: 4 instead of 3.\n",
        "3.3 min",
        "a machine, 2 cores; Python 3.11",
        "* L3C: l3c 0.1 (level=9).",
        "* ‡ external program",
    ):
        assert part in page
    assert "have seen them" not in page
    assert page.endswith(f"\n\nProvenance: {STAMP}.\n")


@pytest.mark.parametrize("load", [0.05, 0.5])
def test_a_machine_that_was_not_quiet_is_said(run, load):
    now = replace(run, rows=run.rows.assign(other_load=load))
    assert ("not quiet" in text(now, "comparison")) == (load > 0.1)


def test_one_image_and_images_that_were_trained_on_are_said(run):
    run.manifests["toy"].pop(1)
    run.manifests["train"].append(run.manifests["toy"][0])
    page = text(run, "comparison")
    assert "* 1 image measured, each decoded" in page
    assert "train, 1 image |" in page
    assert "1 images" not in page
    assert "the learned methods have seen them" in page


def test_latex_is_escaped_and_has_two_tabulars_in_a_float(run):
    own = {
        "rows": run.rows.assign(dataset="my_set"),
        "records": records(*RECORDS).assign(dataset="my_set"),
        "manifests": {"my_set": run.manifests["toy"], "train": run.manifests["train"]},
        "counterparts": {"my_set": run.counterparts["toy"]},
        "trained_on": {},
    }
    page = text(replace(run, **own), "comparison", "tex")
    for part in (
        "my\\_set",
        f"\n  \\noindent Provenance: {STAMP}.\\par\n",
        "\n  \\noindent L3C: l3c 0.1 (level=9).\\par\n",
        "L3C here is not the paper's network: model.scales: 4 instead of 3.",
        "JPEG 2000$^\\ddagger$",
        "+50.0 \\%",
        "+0.25 \\%",  # the gap, in the second tabular
        "\\shortstack[r]{95 \\%\\\\interval}",
    ):
        assert part in page
    assert "‡" not in page
    assert page.count("\\begin{tabular}") == page.count("\\end{tabular}") == 2
    assert page.count("\\begin{table}") == page.count("\\label{tab:comparison-") == 1
    assert page.count("{") == page.count("}")


def test_what_integers_cost_is_said_of_the_same_weights(run):
    floats = {"key": "l3c_float", "method": "L3C float32", "settings": "l3c, float32 on cpu"}
    rows = [row for row in ROWS if row.key == "l3c"]
    rows += [row.model_copy(update=floats | {"num_bytes": row.num_bytes - 3}) for row in rows]
    card = dict(run.cards["l3c"]) | {"identity": "1234"}
    run = replace(
        run,
        rows=results(rows),
        records=records(RECORDS[0], method_record(**floats)),
        cards={"l3c": card, "l3c_float": card},
    )
    assert "* L3C: +1.010 % bytes beside L3C float32." in text(run, "comparison")
    other = {"l3c": card, "l3c_float": card | {"identity": "5678"}}
    assert "beside L3C float32" not in text(replace(run, cards=other), "comparison")


@pytest.mark.parametrize(
    ("second", "card", "same", "shown"),
    [
        (3.082, {}, True, "2.991✓"),  # their mean is 2.991
        (3.083, {}, True, "2.991✓"),  # to one unit of the last digit
        (3.086, {}, True, "2.991"),
        (3.082, {}, False, "2.991"),  # other images
        (3.082, {"source": {}}, True, "2.991"),  # other weights
        (3.082, {"deviations": ["model.blocks: 2 instead of 8"]}, True, "2.991"),
    ],
)
def test_values_that_the_authors_weights_reproduce_are_marked(run, second, card, same, shown):
    about = {"dataset": "toy", "height": 8, "width": 8, "crops": 1, "bits": 1.0}
    rates = [
        AsPublished(**about, model="l3c", image=i, bpsp=b) for i, b in (("a", 2.9), ("b", second))
    ]
    authors = dict(run.cards["l3c"]) | {"source": {"released_as": "L3C"}, "deviations": []} | card
    run = replace(
        run,
        published=published({"value": "2.991"}),
        counterparts={"toy": Counterpart("Set v3", same, "")},
        cards={"l3c": authors},
        as_published=frame(rates, AsPublished),
    )
    found = cells(list(sections(text(run, "comparison")).values())[1])["L3C"]
    assert found["published bpsp"] == shown
    assert found["release's rules bpsp"] == f"{(2.9 + second) / 2:.3f}"
    assert float(by_method(run)["L3C"]["release_bpsp"]) == pytest.approx((2.9 + second) / 2)


def test_left_out_lists_every_dropped_image(run):
    assert text(run, "left_out", "csv").splitlines() == [
        "dataset,image,source,reason,provenance",
        f"toy,c,c.png,greyscale,{ID}",
    ]


def test_a_method_that_failed_is_in_the_table_and_in_no_mean(run):
    mine = {"key": "mine", "method": "Mine"}
    rows = [row for row in ROWS if (row.key, row.image) != ("jpeg2000", "d")]
    rows += [failed_row(key="jpeg2000", method="JPEG 2000", image="d")]
    rows += [failed_row(**mine, image=image) for image in "abcd"]
    run = replace(run, rows=results(rows), records=records(*RECORDS[:2], method_record(**mine)))
    found = by_method(replace(run, published=published()))
    assert [line["lossless"] for line in found.values()] == ["4/4", "3/4", "0/4"]
    assert [line["mean_bpsp"] for line in found.values()] == ["3", "5", ""]
    # Its mean is over other images than the reference's.
    assert [line["vs_l3c_percent"] for line in found.values()] == ["0", "", ""]
    assert found["L3C"]["status"] == "measured"
    assert found["JPEG 2000"]["status"].startswith("failed on 1 of 4 images: d: encode: ")
    assert found["Mine"]["status"].startswith("failed on 4 of 4 images: a: encode: ")
    assert shown(run)["JPEG 2000‡"]["bpsp"] == "5.000 (3/4 images)"
    assert shown(run)["Mine"]["bpsp"] == "failed"
    assert text(run, "comparison").count("encode: RuntimeError: no idea") == 5
    rows = results([*ROWS, failed_row(key="l3c", method="L3C", image="x")])  # the reference
    assert compare_methods(replace(run, rows=rows), "toy").vs_l3c_percent.isna().all()


@pytest.mark.parametrize("made", [RECORDS, []])
def test_a_run_of_nothing_has_its_tables(run, made):
    nothing = replace(run, rows=results([]), records=records(*made), published=published())
    assert len(lines(nothing, "rates")) == len(made)
    assert text(nothing, "comparison").count("| not measured") == len(made)
