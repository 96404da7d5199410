"""One progress report for every long loop: tqdm's bar on a terminal, its lines in a log."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from tqdm import tqdm

terminal: TextIO | None = None
"""Where bars are drawn while stderr goes to a log, as in jobs of the workflow."""

LINE_EVERY_S = 10.0
_LINE = "{desc}: {n_fmt}/{total_fmt} {unit}s{postfix}, {elapsed}, {remaining} left"


class _Log:
    """A file for tqdm: what it draws becomes whole lines, so that a log stays readable."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        if line := text.strip():
            print(line, file=self._file, flush=True)

    def flush(self) -> None: ...


class Progress(tqdm):  # type: ignore[type-arg]
    """Counts towards `total` and shows it on `terminal`, else on stderr.

    Args:
        total: number of steps to come.
        label: what is being done, first word of every line.
        unit: what one step is, e.g. "image".
        silent: shows nothing, as for a small download. So does a closed stderr.
        done: steps made before, by a run that this one continues; they took none of its time.
    """

    def __init__(
        self, total: int, label: str, unit: str = "step", silent: bool = False, done: int = 0
    ) -> None:
        file = terminal or sys.stderr
        how: dict[str, Any] = {"file": file, "disable": silent or file is None}
        if file is not None and not file.isatty():
            how |= {"mininterval": LINE_EVERY_S, "miniters": 1}
            how |= {"bar_format": _LINE, "file": _Log(file)}
        scaled = unit == "byte"
        super().__init__(total=total, desc=label, unit=unit, unit_scale=scaled, initial=done, **how)

    def update(self, n: float | None = 1, **values: float | str) -> bool | None:
        """Advances by `n` steps; `values` (e.g. bpsp=3.2) are shown beside the count."""
        if values:
            texts = {k: v if isinstance(v, str) else f"{v:.4g}" for k, v in values.items()}
            self.set_postfix(texts, refresh=False)
        return super().update(n)
