"""The table that puts the release's rules beside files and published values."""

import pytest
from result_rows import result_row, results
from table_files import cells, lines, published, sections, text

from l3c.bench.counterparts import Counterpart
from l3c.bench.run import Run
from l3c.bench.schema import AsPublished, frame
from l3c.bench.tables.as_published import reproduces
from l3c.bench.tables.layout import NONE

CARD = {"name": "Ours", "source": {"released_as": "L3C, Open Images"}, "deviations": []}
OTHER = {"name": "Other", "deviations": ["model.blocks: 2 instead of 8"]}


def run(rates, card=CARD, same=True):
    sizes = {"height": 8, "width": 8, "crops": 1, "bits": 1.0}
    rows = [
        AsPublished(dataset="set", model=model, image=str(i), bpsp=rate, **sizes)
        for model in ("l3c", "mine")
        for i, rate in enumerate(rates)
    ]
    return Run(
        rows=results([result_row(dataset="set", key="l3c", method="L3C")]),
        records=[],
        published=published({"value": "2.991", "confidence": "unverified"}),
        counterparts={"set": Counterpart("Set v3", same, "")},
        cards={"l3c": card, "mine": OTHER},
        as_published=frame(rows, AsPublished),
    )


@pytest.mark.parametrize(
    ("second", "card", "same", "reproduced"),
    [
        (3.082, CARD, True, "✓"),  # their mean is 2.991
        (3.090, CARD, True, "no"),
        (3.082, CARD, False, NONE),  # other images
        (3.082, CARD | {"source": {}}, True, NONE),  # other weights
        (3.082, CARD | {"deviations": ["model.blocks: 2 instead of 8"]}, True, NONE),
    ],
)
def test_what_is_reproduced(second, card, same, reproduced):
    made = run((2.9, second), card, same)
    line, other = lines(made, "as_published")
    assert float(line["release_bpsp"]) == pytest.approx((2.9 + second) / 2)
    assert float(line["files_bpsp"]) > 0
    assert (line["difference"] != "") == (same and not card["deviations"])
    assert (other["published_bpsp"], other["difference"], other["files_bpsp"]) == ("", "", "")
    section = sections(text(made, "as_published"))["set, 2 images"]
    assert cells(section)["Ours"]["reproduced"] == reproduced
    assert cells(section)["Ours"]["published"] == "2.991†"
    assert cells(section)["Other"]["weights"] == "not the authors'"


def test_one_unit_of_the_last_digit_is_reproduced():
    assert reproduces(0.0014, "2.991")
    assert not reproduces(-0.0016, "2.991")


def test_a_run_without_such_rates_has_an_empty_table():
    assert lines(run([]), "as_published") == []
    assert "|" not in text(run([]), "as_published")
