"""Notebooks executed from the first cell to the last, and pages for a browser."""

from __future__ import annotations

import html
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

import nbformat
from nbformat import NotebookNode

_STARTUP_S = 300  # a cold disk under load; a kernel that fails to start says so at once


class NotebookError(ValueError):
    """A notebook that does not run to its end; the message names the cell."""


def execute(
    path: Path,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    stamp: str = "",
) -> NotebookNode:
    """The notebook with its outputs, from a fresh kernel of this interpreter in this folder.

    No kernel has to be installed, and the user's settings of Jupyter and IPython have no part in
    it: settings, history and the connection are in a temporary folder.

    Args:
        path: of the notebook, which stays as it is.
        parameters: values for the names that its cell tagged "parameters" sets, as that cell's
            Python literals; those it does not set are left out.
        stamp: of the provenance of the results, for a last cell.

    Raises:
        NotebookError: naming the notebook, the number of the cell among those with code, and the
            error.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            known = {line.partition("=")[0].strip() for line in cell.source.splitlines()}
            for name in known & {*parameters}:
                cell.source += f"\n{name} = {parameters[name]!r}  # given"
    with tempfile.TemporaryDirectory(prefix="l3c-") as own:
        kernel = AsyncKernelManager(
            connection_file=os.path.join(own, "kernel.json"),
            # Sockets in the file system, where other users cannot reach them; paths have a limit.
            transport="ipc" if len(own) <= 80 else "tcp",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # ipykernel's own remains
        )
        client = NotebookClient(notebook, kernel, startup_timeout=_STARTUP_S, record_timing=False)
        names = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
        environment = {**os.environ, **dict.fromkeys(names, own)}
        environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
        try:
            client.execute(cleanup_kc=True, env=environment)
        except CellExecutionError as error:
            where = f"{path}, cell {client.code_cells_executed}"
            raise NotebookError(f"{where}: {error.ename}: {error.evalue}") from error
    if stamp:
        text = f"Provenance: {stamp}."
        notebook.cells.append(nbformat.v4.new_markdown_cell(text, id="provenance"))
    return notebook


def to_page(notebook: NotebookNode, name: str) -> str:
    """A page that needs no network, script or other file: nbconvert's cells, a head of our own.

    The head of nbconvert's templates loads scripts from other hosts, for formulas and widgets that
    notebooks here do without.
    """
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    exporter = HTMLExporter(template_name="basic", exclude_anchor_links=True)
    body, _ = exporter.from_notebook_node(notebook)
    colors = HtmlFormatter(style="default").get_style_defs(".highlight")
    page = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    return page.substitute(title=html.escape(name), css=colors, body=body)
