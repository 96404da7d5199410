"""All files of the tables of a run, character by character."""

import pytest
from golden import check_text
from made_run import made_run
from table_files import text

FILES = [f"{name}.{form}" for name in ("comparison", "paper") for form in ("md", "csv", "tex")]


@pytest.mark.parametrize("file", [*FILES, "rates.csv", "left_out.csv"])
def test_files_are_the_golden_ones(file):
    check_text(f"tables/{file}", text(made_run(), *file.split(".")))
