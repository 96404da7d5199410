"""An executed notebook, or Markdown -> an HTML page that needs no network, script or other file."""

from __future__ import annotations

import html
import importlib.resources

from nbconvert import HTMLExporter
from nbconvert.filters.markdown import markdown2html
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from l3c.notebooks.reading import title_of

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
    colors = HtmlFormatter(style="default").get_style_defs(".highlight")
    return _page(title_of(notebook), body, colors)


def markdown_page(text: str) -> str:
    """A page of tables; its first line is the title."""
    title = text.partition("\n")[0].lstrip("#").strip()
    return _page(title, markdown2html(text))


def _page(title: str, body: str, more_css: str = "") -> str:
    css = importlib.resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    return _PAGE.format(title=html.escape(title), css=css + more_css, body=body)
