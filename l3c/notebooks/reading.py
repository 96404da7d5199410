"""Notebooks as they lie on the disk."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

PARAMETERS = "parameters"  # tag of the cell whose values can be given from outside


class NotebookError(ValueError):
    """A notebook that is none, or that does not run to its end; the message names the cell."""


def read(path: Path) -> NotebookNode:
    """A notebook as it lies on the disk.

    Raises:
        NotebookError: it cannot be read, or is no notebook of format 4.
    """
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
    except OSError as error:
        raise NotebookError(f"{path}: cannot be read ({error.strerror})") from None
    except (nbformat.ValidationError, ValueError, TypeError, LookupError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        raise NotebookError(f"{path}: not a notebook ({reason})") from None
    return notebook


def title_of(notebook: NotebookNode) -> str:
    """The first heading, else a word."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("#"):
                    return str(line.lstrip("#").strip())
    return "Notebook"
