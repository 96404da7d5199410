"""Notebooks as they are committed: without outputs, one form, so that changes can be read.

`python -m l3c.notebooks.tidy notebooks/*.ipynb` clears what playing has left in them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from l3c.notebooks.reading import PARAMETERS, NotebookError, read
from l3c.whole_files import write_whole

# Everything else there differs between programs and machines.
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def tidied(notebook: NotebookNode) -> str:
    """The text of the notebook without outputs and counts; cells keep their ids and the tags."""
    clean = nbformat.from_dict(notebook)
    clean.metadata = nbformat.from_dict(_METADATA)
    clean.nbformat_minor = max(clean.nbformat_minor, 5)  # the first with ids
    for cell in clean.cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if tag == PARAMETERS]
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    text: str = nbformat.writes(clean)
    return text.rstrip("\n") + "\n"


def main(paths: list[str]) -> int:
    """Tidies the named notebooks in place; returns the exit status."""
    for path in map(Path, paths):
        try:
            write_whole(path, tidied(read(path)).encode("utf-8"))
        except NotebookError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
