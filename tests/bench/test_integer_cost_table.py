"""The table of what integers cost."""

import csv

import pytest
from result_rows import results

from l3c.bench.run import Run
from l3c.bench.schema import IntegerCost, frame
from l3c.bench.tables import TABLES, write_table


def cost(scale, float_bytes, integer_bytes, float_s, **fields):
    values = {"dataset": "photos", "model": "l3c", "scale": scale, "images": 2}
    values |= {"float_bytes": float_bytes, "integer_bytes": integer_bytes, "float_s": float_s}
    values |= {"integer_s": float_s / 2, "hardware": "a machine", "environment": "Python"}
    return IntegerCost(**(values | fields))


@pytest.fixture
def text(tmp_path):
    rows = [cost("x", 1000, 1010, 0.5), cost("z3", 40, 40, 0.0), cost("total", 1040, 1050, 0.5)]
    rows.append(cost("total", 10, 10, 1.0, model="rgb", hardware="another"))
    run = Run(results([]), [], cost=frame(rows, IntegerCost), cards={"l3c": {"name": "L3C"}})
    write_table(TABLES["integer_cost"], run, tmp_path, "the stamp", "id")
    return lambda form: (tmp_path / f"integer_cost.{form}").read_text()


def test_differences_are_by_scale(text):
    lines = list(csv.DictReader(text("csv").splitlines()))
    assert [line["bytes_percent"] for line in lines] == ["1.0", "0.0", "0.9615", "0.0"]
    assert [line["time_ratio"] for line in lines] == ["0.5", "", "0.5", "0.5"]
    assert {line["provenance"] for line in lines} == {"id"}


def test_markdown_has_a_line_for_each_scale_and_each_machine(text):
    page = text("md")
    assert "## photos, 2 images" in page
    assert page.count("| L3C ") == 3
    assert page.count("| rgb ") == 1
    assert "+1.000 %" in page
    assert page.count("* Measured on ") == 2
    assert page.endswith("\nProvenance: the stamp.\n")


def test_no_model_with_integers_is_said(tmp_path):
    write_table(TABLES["integer_cost"], Run(results([]), []), tmp_path, "the stamp", "id")
    page = (tmp_path / "integer_cost.md").read_text()
    assert "No measured model has integers." in page
    assert "|" not in page
