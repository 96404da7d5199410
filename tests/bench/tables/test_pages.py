"""All files of the tables of a run, character by character.

L3C_WRITE_GOLDEN=1 writes them anew after a change that was meant.
"""

import os
from pathlib import Path

import pytest
from made_run import made_run
from table_files import text

GOLDEN = Path(__file__).parents[2] / "data" / "golden" / "tables"
FILES = [f"{name}.{form}" for name in ("comparison", "paper") for form in ("md", "csv", "tex")]


@pytest.mark.parametrize("file", [*FILES, "rates.csv", "left_out.csv"])
def test_files_are_the_golden_ones(file):
    made = text(made_run(), *file.split("."))
    if os.environ.get("L3C_WRITE_GOLDEN"):
        (GOLDEN / file).write_text(made, encoding="utf-8")
    assert made == (GOLDEN / file).read_text(encoding="utf-8")
