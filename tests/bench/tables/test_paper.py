"""Files of the tables, character by character; what those of the paper stand beside."""

import pytest
from golden import check_text
from made_run import CARD, PUBLISHED, STAND_IN, made_run
from result_rows import result_row, results
from table_files import cells, lines, sections, text

from l3c.bench.published import Counterpart
from l3c.bench.run import Run

FILES = [f"{name}.{form}" for name in ("comparison", "paper") for form in ("md", "csv", "tex")]


@pytest.mark.parametrize("file", [*FILES, "rates.csv", "left_out.csv"])
def test_files_are_the_golden_ones(file):
    check_text(f"tables/{file}", text(made_run(), *file.split(".")))


def test_networks_that_are_the_papers_are_compared_with_published_values():
    card = CARD | {"deviations": ["train.steps: 8"]}
    run = made_run(cards={"l3c": card, "rgb": card})
    assert {line["vs_l3c_percent"] for line in lines(run, "paper")} == {"", "0", "50"}
    page = text(run, "paper")
    assert "Not the paper's network" not in page
    rates = cells(sections(page)["Table 1: Open Images v2, toy stands in"])
    assert rates["JPEG 2000"]["measured vs. L3C"] == "+50.0 %"


def test_the_published_images_themselves_are_no_stand_in():
    page = text(made_run(counterparts={"toy": STAND_IN._replace(same=True)}), "paper")
    assert "Measured on toy, 4 images: the published images." in page
    found = cells(sections(page)["Table 1: Open Images v2"])
    assert found["L3C"]["measured bpsp"] == "3.000"


def test_a_model_published_as_l3c_is_in_its_line_and_others_are_compared_with_it():
    own = {"key": "l3c_small", "method": "L3C (ImageNet32)"}
    run = made_run(
        attempts=results([result_row(**own, num_bytes=300), result_row(num_bytes=450)]),
        counterparts={"toy": Counterpart("ImageNet32 v2", True)},
        published_as={"l3c_small": "L3C"},
    )
    found = cells(sections(text(run, "paper"))["Table 2: ImageNet32 v2"])
    assert found["L3C (ImageNet32)"]["published bpsp"] == "4.76†"
    assert found["PNG"]["measured vs. L3C"] == "+50.0 %"
    assert found["PixelCNN"]["measured bpsp"] == "not measured here"


def test_a_run_of_nothing_has_a_page():
    nothing = Run(results([]), published=PUBLISHED, counterparts={"toy": STAND_IN})
    assert len(sections(text(nothing, "paper"))) == 1
