"""The table that puts the release's rules beside files and published values."""

import pytest
from result_rows import result_row

from l3c.bench.counterparts import Counterpart
from l3c.bench.published import PublishedValue
from l3c.bench.run import Run
from l3c.bench.schema import AsPublished, ResultRow, frame
from l3c.bench.tables.as_published import REPRODUCED_MARK, as_published, reproduces

VALUE = PublishedValue("1", "Set", "v3", "L3C", "bpsp", 2.991, "bpsp", "unverified", "", "2.991")
CARD = {"name": "Ours", "source": {"released_as": "L3C, Open Images"}, "deviations": []}


def run(rates, card=CARD, same=True):
    sizes = {"height": 8, "width": 8, "crops": 1, "bits": 1.0}
    rows = [
        AsPublished(dataset="set", model="l3c", image=str(i), bpsp=rate, **sizes)
        for i, rate in enumerate(rates)
    ]
    return Run(
        rows=frame([result_row(dataset="set", key="l3c", method="L3C")], ResultRow),
        records=[],
        published=[VALUE],
        counterparts={"set": Counterpart("Set v3", same, "")},
        cards={"l3c": card},
        as_published=frame(rows, AsPublished),
    )


@pytest.mark.parametrize(
    ("rates", "card", "same", "reproduced"),
    [
        ((2.9, 3.082), CARD, True, True),  # their mean is 2.991
        ((2.9, 3.090), CARD, True, False),
        ((2.9, 3.082), CARD, False, None),  # other images
        ((2.9, 3.082), CARD | {"source": {}}, True, None),  # other weights
        ((2.9, 3.082), CARD | {"deviations": ["model.blocks: 2 instead of 8"]}, True, None),
    ],
)
def test_what_is_reproduced(rates, card, same, reproduced):
    made = as_published(run(rates, card, same))
    (line,) = made.data.to_dict("records")
    assert line["reproduced"] is reproduced
    assert line["release_bpsp"] == pytest.approx(sum(rates) / 2)
    assert line["files_bpsp"] > 0
    comparable = same and not card["deviations"]
    assert (line["difference"] is not None) == comparable
    (section,) = made.sections
    cells = section.cells.iloc[0]
    assert (cells["reproduced"] == REPRODUCED_MARK) == bool(reproduced)
    assert cells["published"] == "2.991†"


def test_one_unit_of_the_last_digit_is_reproduced():
    assert reproduces(2.9924, VALUE)
    assert not reproduces(2.9926, VALUE)


def test_a_run_without_such_rates_has_an_empty_table():
    made = as_published(run([]))
    assert (len(made.data), made.sections) == (0, [])
