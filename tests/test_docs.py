"""The documents: their links lead somewhere, and add_a_model.md shows the file that is tested."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path

import autoregressive
import pytest
import yaml

from l3c.recipe import load_recipe
from l3c.workflow.experiment import Experiment

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
ADD_A_MODEL = (DOCS / "add_a_model.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", ADD_A_MODEL, re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (DOCS / target).exists()] == []


def plain(code: str) -> list[str]:
    """Lines without indentation, which blocks of methods on the page do not have."""
    return [line.strip() for line in code.splitlines() if line.strip()]


def test_the_page_on_adding_a_model_is_the_tested_file() -> None:
    file = plain(Path(autoregressive.__file__).read_text(encoding="utf-8"))
    shown = [plain(block) for block in blocks("python")]
    for block in shown:
        assert "\n".join(block) in "\n".join(file)
    code = file[file.index("from __future__ import annotations") :]
    assert set(code) - {line for block in shown for line in block} == {"LEVELS = 256"}


def test_its_recipe_and_its_configuration_can_be_used(tmp_path: Path) -> None:
    recipe, configuration = blocks("yaml")
    shutil.copy(autoregressive.__file__, tmp_path)
    path = tmp_path / "recipe.yaml"
    path.write_text(textwrap.dedent(recipe))
    assert load_recipe(path).make_model().family == "autoregressive"
    settings = yaml.safe_load(configuration) | {"datasets": {"mine": {"source": "photographs"}}}
    settings["evaluate"]["datasets"] = ["mine"]
    assert Experiment.model_validate(settings).learned() == ["mine"]
