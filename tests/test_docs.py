"""The documents: links lead somewhere, examples run, messages are ours, the site is built."""

import contextlib
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import autoregressive
import numpy as np
import pytest
import yaml
from result_rows import frame_of, result_row

from baselines.registry import get_method
from l3c.bench.figures import registry
from l3c.cli.main import parse
from l3c.models.zoo import load_family
from l3c.recipe import load_recipe
from l3c.workflow.experiment import Experiment
from tools import readme_table

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
ADD_A_MODEL = (DOCS / "add_a_model.md").read_text(encoding="utf-8")


def blocks(language, page=ADD_A_MODEL):
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.stem)
def test_commands_are_those_of_the_parser(page, capsys):
    """In blocks whole, in the text perhaps without their arguments."""
    text = page.read_text(encoding="utf-8")
    lines = [*text.splitlines(), *re.findall(r"`(l3c [a-z][^`]*)`", text)]
    for line in lines:
        if found := re.match(r"(?:    )?(?:\$ )?l3c (.+)", line):
            with contextlib.suppress(SystemExit):
                parse(shlex.split(re.split(r"\s+[|>;#&]|;|\s{3,}", found[1])[0]))
            error = capsys.readouterr().err
            assert "error:" not in error or " are required: " in error, (line, error)


@pytest.mark.slow
def test_the_site_is_built_and_loads_nothing_from_the_network(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    pages = {path: path.read_text("utf-8") for path in tmp_path.rglob("*.html")}
    assert {f"{page.stem}.html" for page in PAGES} <= {path.name for path in pages}
    loads = re.compile(
        r"<(?:script|img)[^>]* src=\"?https?:|<link rel=\"?(?:stylesheet|preconnect)[^>]*https?:"
    )
    assert [path.name for path, text in pages.items() if loads.search(text)] == []


def test_the_site_leads_to_every_page():
    named = re.findall(r": ([\w./]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert {page.name for page in PAGES} <= {*named}


def test_messages_that_are_explained_are_those_of_the_programs():
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    folders = ("l3c", "coder", "baselines", "tools")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    # Texts that continue on the next line, joined.
    texts = [re.sub(r"\"\n\s*f?\"", "", path.read_text("utf-8")) for path in files]
    messages = re.findall(r"^### `(.*)`$", page, re.MULTILINE)
    assert len(messages) > 10
    for message in messages:
        parts = [re.sub(r"^\W+|\W+$", "", part) for part in message.split("...")]
        assert any(all(part in text for part in parts) for text in texts), message


def test_the_codec_of_the_page_on_adding_one_is_a_method(tmp_path):
    (tmp_path / "mine.py").write_text(
        *blocks("python", (DOCS / "add_a_codec.md").read_text("utf-8"))
    )
    method = get_method(str(tmp_path / "mine.py"))
    image = np.arange(90, dtype=np.uint8).reshape(5, 6, 3)
    assert (method.decode(method.encode(image)) == image).all()


def test_the_page_on_adding_a_model_is_the_tested_file(tmp_path):
    page = tmp_path / "page.py"
    page.write_text("\n".join(blocks("python")))
    file = Path(autoregressive.__file__).read_text(encoding="utf-8")
    code = file[file.index("from __future__ import annotations") :]
    assert filled_lines(page.read_text()) == filled_lines(code)
    family = load_family(str(page))
    codec, tile = family(family.Settings()).codec(), np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    assert (codec.decode(codec.encode(tile), 2, 3) == tile).all()


def filled_lines(code):
    return [line for line in code.splitlines() if line.strip()]


def test_the_figure_of_the_page_on_design_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "FIGURES", dict(registry.load_figures()))
    page = (DOCS / "design.md").read_text(encoding="utf-8")
    (tmp_path / "mine.py").write_text(*blocks("python", page))
    drawn = registry.load_figures([tmp_path / "mine.py"])["sizes"].draw(frame_of([result_row()]))
    assert len(drawn.axes[0].lines) == 1
    described = re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE)
    assert set(registry.INPUTS) <= set(dict(described))


def test_its_recipe_and_its_configuration_can_be_used(tmp_path):
    recipe, configuration = blocks("yaml")
    shutil.copy(autoregressive.__file__, tmp_path)
    path = tmp_path / "recipe.yaml"
    path.write_text(textwrap.dedent(recipe))
    assert load_recipe(path).make_model().family == "autoregressive"
    experiment = Experiment.model_validate(yaml.safe_load(configuration))
    assert (experiment.learned(), experiment.used_datasets()) == (
        ["mine"],
        ["holiday", "wallpapers"],
    )


README = (ROOT / "README.md").read_text(encoding="utf-8")
ON_PYTHON = [(DOCS / name).read_text("utf-8") for name in ("python.md", "quick_start.md")]
EXAMPLES = blocks("python", "".join([README, *ON_PYTHON]))


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_python_example_runs(example):
    assert "assert" in example
    exec(compile(example, "example", "exec"), {})


def test_quick_start_is_two_commands():
    block = README.split("## Quick start")[1].split("```")[1]
    commands = [line for line in block.splitlines()[1:] if line.strip()]
    assert [command.split("#")[0].strip() for command in commands] == ["make run", "make test"]


def test_the_table_is_that_of_the_reference_results():
    """Written anew by `python -m tools.readme_table`."""
    assert readme_table.page() == README
    assert README.count("| JPEG XL e9 ") == 1
