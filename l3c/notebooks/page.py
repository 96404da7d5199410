"""An executed notebook -> one HTML page that needs no network, no script and no other file."""

from __future__ import annotations

import html
import importlib.resources

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{css}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def to_page(notebook: NotebookNode) -> str:
    """The page: nbconvert's rendering of the cells, with this project's own head.

    The head of nbconvert's templates loads scripts from other hosts, for formulas and widgets that
    notebooks here do without.
    """
    exporter = HTMLExporter(template_name="basic", exclude_anchor_links=True)
    body, _ = exporter.from_notebook_node(notebook)
    css = importlib.resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    colors = HtmlFormatter(style="default").get_style_defs(".highlight")
    return _PAGE.format(title=html.escape(title_of(notebook)), css=f"{css}{colors}", body=body)


def title_of(notebook: NotebookNode) -> str:
    """The first heading, else a word."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("#"):
                    return str(line.lstrip("#").strip())
    return "Notebook"
