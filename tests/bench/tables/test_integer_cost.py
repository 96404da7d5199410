"""The table of what integers cost."""

from result_rows import results
from table_files import ID, STAMP, lines, text

from l3c.bench.run import Run
from l3c.bench.schema import IntegerCost, frame


def cost(scale, float_bytes, integer_bytes, float_s, **fields):
    values = {"dataset": "photos", "model": "l3c", "scale": scale, "images": 2}
    values |= {"float_bytes": float_bytes, "integer_bytes": integer_bytes, "float_s": float_s}
    values |= {"integer_s": float_s / 2, "hardware": "a machine", "environment": "Python"}
    return IntegerCost(**(values | fields))


ROWS = [
    cost("x", 1000, 1010, 0.5),
    cost("z3", 40, 40, 0.0),
    cost("total", 1040, 1050, 0.5),
    cost("total", 10, 10, 1.0, model="rgb", hardware="another"),
]


def test_differences_are_by_scale():
    run = Run(results([]), [], cost=frame(ROWS, IntegerCost), cards={"l3c": {"name": "L3C"}})
    found = lines(run, "integer_cost")
    assert [line["bytes_percent"] for line in found] == ["1", "0", "0.961538", "0"]
    assert [line["time_ratio"] for line in found] == ["0.5", "", "0.5", "0.5"]
    assert {line["provenance"] for line in found} == {ID}
    page = text(run, "integer_cost")
    for part, count in (("## photos, 2 images", 1), ("| L3C ", 3), ("| rgb ", 1), ("+1.000 %", 1)):
        assert page.count(part) == count
    assert page.count("* Measured on: ") == 2
    assert page.endswith(f"\nProvenance: {STAMP}.\n")


def test_no_model_with_integers_is_said():
    page = text(Run(results([]), []), "integer_cost")
    assert "No measured model has integers." in page
    assert "|" not in page
