"""README and pages on Python: examples run, links resolve, the quick start is two commands."""

import re
from pathlib import Path

import pytest

from tools import readme_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [(ROOT / "docs" / name).read_text("utf-8") for name in ("python.md", "quick_start.md")]
EXAMPLES = re.findall(r"```python\n(.*?)```", "".join([README, *PAGES]), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_python_example_runs(example: str) -> None:
    assert "assert" in example
    exec(compile(example, "example", "exec"), {})


def test_quick_start_is_two_commands() -> None:
    block = README.split("## Quick start")[1].split("```")[1]
    commands = [line for line in block.splitlines()[1:] if line.strip()]
    assert [command.split("#")[0].strip() for command in commands] == ["make run", "make test"]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_table_is_that_of_the_reference_results() -> None:
    """Written anew by `python -m tools.readme_table`."""
    assert readme_table.page() == README
    assert README.count("| JPEG XL e9 ") == 1


def test_the_readme_fits_on_two_screens() -> None:
    before_citation = README.partition("## Licence")[0].splitlines()
    assert len(before_citation) <= 100
