"""What the comparison says of methods, images and machines; test_paper.py has it whole."""

from dataclasses import replace

import pytest
from made_run import CARD, JPEG2000, L3C, kept, made_run, two_methods
from result_rows import failed_row, missing_row, provenance, results
from table_files import cells, lines, published, sections, text

from l3c.bench.published import Counterpart
from l3c.bench.schema import AsPublished, frame
from l3c.bench.tables.comparison import compare_methods


@pytest.mark.parametrize("form", ["md", "tex"])
def test_provenance_is_written_as_the_form_needs(form):
    page = text(made_run(provenance=provenance(models={"a_b": "2f6e"})), "comparison", form)
    assert ("a\\_b 2f6e" in page, "a_b 2f6e" in page) == (form == "tex", form == "md")


def printed(run):
    """Printed cells of each method."""
    return cells(list(sections(text(run, "comparison")).values())[1])


def test_values_that_were_not_read_in_the_paper_are_not_beside_ours():
    run = made_run(counterparts={"toy": Counterpart("Open Images v3", False)})
    assert "published bpsp" not in printed(run)["L3C"]
    assert "\n## toy\n" in text(run, "comparison")


def test_rates_do_not_know_the_clock_or_the_machine():
    run = made_run()
    slower = replace(run, attempts=run.attempts.assign(decode_s=9.0, hardware="other"))
    assert text(run, "rates", "csv") == text(slower, "rates", "csv")
    assert text(run, "comparison", "csv") != text(slower, "comparison", "csv")


def test_a_busy_machine_one_image_and_images_that_were_trained_on_are_said():
    said = "not quiet", "1 image measured", "train, 2 images", "have seen them"
    page = text(made_run(), "comparison")
    assert [part for part in said if part in page] == []
    run = made_run(manifests={"toy": [kept("a", "0")], "train": [kept("t", "9"), kept("a", "0")]})
    cards = {"l3c": CARD | {"images": 2}}
    page = text(
        replace(run, attempts=run.attempts.assign(other_load=0.5), cards=cards), "comparison"
    )
    assert [part for part in said if part not in page] == []


@pytest.mark.parametrize("identity", ["1234", "5678"])
def test_what_integers_cost_is_said_of_the_same_weights(identity):
    floats = {"key": "l3c_float", "method": "L3C float32", "settings": "l3c, float32 on cpu"}
    rows = two_methods()[:4]
    rows += [row.model_copy(update=floats | {"num_bytes": row.num_bytes - 3}) for row in rows]
    cards = {"l3c": CARD | {"identity": "1234"}, "l3c_float": CARD | {"identity": identity}}
    page = text(made_run(attempts=results(rows), cards=cards), "comparison")
    assert ("* L3C: +1.010 % bytes beside L3C float32." in page) == (identity == "1234")


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
def test_values_that_the_authors_weights_reproduce_are_marked(second, card, same, shown):
    about = {"dataset": "toy", "height": 8, "width": 8, "crops": 1, "bits": 1.0, "model": "l3c"}
    rates = [AsPublished(**about, image=i, bpsp=b) for i, b in (("a", 2.9), ("b", second))]
    authors = CARD | {"source": {"released_as": "L3C"}, "deviations": []} | card
    run = made_run(
        published=published({"value": "2.991"}),
        counterparts={"toy": Counterpart("Set v3", same)},
        cards={"l3c": authors},
        as_published=frame(rates, AsPublished),
    )
    assert printed(run)["L3C"]["published bpsp"] == shown
    mean = (2.9 + second) / 2
    assert printed(run)["L3C"]["release's rules bpsp"] == f"{mean:.3f}"
    assert float(lines(run, "comparison")[0]["release_bpsp"]) == pytest.approx(mean)


def test_a_method_that_failed_is_in_the_table_and_in_no_mean():
    mine, every = {"key": "mine", "method": "Mine"}, two_methods()
    rows = [*every[:-1], failed_row(**JPEG2000, image="d")]
    rows += [failed_row(**mine, image=image) for image in "abcd"]
    run = made_run(attempts=results(rows), counterparts={})
    found = lines(run, "comparison")
    # The mean of the second is over other images than the reference's.
    names = ("lossless", "mean_bpsp", "vs_l3c_percent")
    expected = [["4/4", "3", "0"], ["3/4", "5", ""], ["0/4", "", ""]]
    assert [[line[name] for name in names] for line in found] == expected
    assert [line["status"].split(" images: ")[0] for line in found] == [
        *("measured", "failed on 1 of 4", "failed on 4 of 4")
    ]
    shown = [cell["bpsp"] for cell in printed(run).values()]
    assert shown == ["3.000", "5.000", "failed"]
    rows = results([*every, failed_row(**L3C | {"version": "", "image": "x"})])  # the reference
    assert compare_methods(replace(run, attempts=rows), "toy").vs_l3c_percent.isna().all()


@pytest.mark.parametrize("made", [[missing_row(**L3C)], []])
def test_a_run_of_nothing_has_its_tables(made):
    nothing = made_run(attempts=results(made), counterparts={})
    assert len(lines(nothing, "rates")) == len(made)
    assert text(nothing, "comparison").count("| not measured") == len(made)
