"""A notebook from its first cell to its last, in a fresh kernel of this interpreter.

No kernel has to be installed, and what the user's Jupyter and IPython are set to has no part in it:
settings, history and sockets live in a temporary folder. Kernel and client talk through sockets in
the file system, which other users of the machine cannot reach, unless the path is too long for one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from l3c.notebooks.reading import PARAMETERS, NotebookError, read

_ARGV = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
_LONGEST = 80  # characters of a folder of sockets, whose paths may have about 100
_STARTUP_S = 300  # a cold disk under load; a kernel that fails to start says so at once


def execute(
    path: Path, parameters: Mapping[str, Any] | None = None, folder: Path = Path()
) -> NotebookNode:
    """The notebook with its outputs.

    Args:
        path: of the notebook, which stays as it is.
        parameters: values for the names that its cell tagged "parameters" sets, as that cell's
            Python literals; those it does not set are left out.
        folder: the working directory of the cells.

    Raises:
        NotebookError: naming the notebook, the number of the cell among those with code, and the
            error.
    """
    notebook = read(path)
    given = _set_parameters(notebook, parameters or {})
    numbers = _numbers(notebook, given)
    with tempfile.TemporaryDirectory(prefix="l3c-") as own:
        client = NotebookClient(
            notebook, _kernel(own), startup_timeout=_STARTUP_S, record_timing=False
        )
        with client.setup_kernel(cleanup_kc=True, cwd=str(folder), env=_environment(own)):
            for index, cell in enumerate(notebook.cells):
                where = f"{path}, cell {numbers[index]}"
                try:
                    client.execute_cell(cell, index, client.code_cells_executed + 1)
                except CellExecutionError as error:
                    raise NotebookError(f"{where}: {error.ename}: {error.evalue}") from error
                except DeadKernelError:
                    raise NotebookError(
                        f"{where}: the kernel died; too little memory is the usual reason"
                    ) from None
    return notebook


def _kernel(own: str) -> AsyncKernelManager:
    kernel = AsyncKernelManager(
        connection_file=os.path.join(own, "kernel.json"),
        transport="ipc" if len(own) <= _LONGEST else "tcp",
    )
    kernel._kernel_spec = KernelSpec(argv=_ARGV, display_name="Python 3", language="python")
    return kernel


def _environment(own: str) -> dict[str, str]:
    """Of the kernel: this one's, with all settings in a folder of its own."""
    names = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    return {**os.environ, **dict.fromkeys(names, own), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def _set_parameters(notebook: NotebookNode, parameters: Mapping[str, Any]) -> int | None:
    """Adds a cell with the values after the one that sets them; returns its index, if any."""
    for index, cell in enumerate(notebook.cells):
        if PARAMETERS in cell.metadata.get("tags", []):
            known = {line.partition("=")[0].strip() for line in cell.source.splitlines()}
            lines = [f"{name} = {value!r}" for name, value in parameters.items() if name in known]
            if not lines:
                return None
            text = "\n".join(["# Given by the workflow.", *lines])
            given = nbformat.v4.new_code_cell(text, id="given-parameters")
            notebook.cells.insert(index + 1, given)
            return index + 1
    return None


def _numbers(notebook: NotebookNode, given: int | None) -> list[int]:
    """Number of each cell among those with code, as the user's file has them."""
    numbers, count = [], 0
    for index, cell in enumerate(notebook.cells):
        count += cell.cell_type == "code" and index != given
        numbers.append(count)
    return numbers


def add_stamp(notebook: NotebookNode, stamp: str) -> None:
    """Appends where the results come from, as the tables have it."""
    cell = nbformat.v4.new_markdown_cell(f"Provenance: {stamp}.", id="provenance")
    notebook.cells.append(cell)
