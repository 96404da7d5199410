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


class Progress:
    """Counts towards `total` and shows it on stderr, and on `terminal` if stderr is a log.

    Args:
        total: number of steps to come.
        label: what is being done, first word of every line.
        unit: what one step is, e.g. "image".
        silent: shows nothing, as for all processes but one. So does a closed stderr.
        done: steps made before, by a run that this one continues; they took none of its time.

    Attributes:
        done: steps made so far.
    """

    def __init__(
        self, total: int, label: str, unit: str = "step", silent: bool = False, done: int = 0
    ) -> None:
        self.done = done
        about: dict[str, Any] = {"total": total, "desc": label, "unit": unit, "initial": done}
        self._bars: list[tqdm[Any]] = []
        if silent or sys.stderr is None:
            return
        is_log = not sys.stderr.isatty()
        if is_log:
            line: dict[str, Any] = {"mininterval": LINE_EVERY_S, "miniters": 1}
            self._bars.append(tqdm(**about, **line, bar_format=_LINE, file=_Log(sys.stderr)))
        if shown := terminal if is_log else sys.stderr:
            self._bars.append(tqdm(**about, file=shown))

    def update(self, steps: int = 1, **values: float | str) -> None:
        """Advances by `steps`; `values` (e.g. bpsp=3.2) are shown beside the count."""
        self.done += steps
        texts = {k: v if isinstance(v, str) else f"{v:.4g}" for k, v in values.items()}
        for bar in self._bars:
            if texts:
                bar.set_postfix(texts, refresh=False)
            bar.update(steps)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        for bar in self._bars:
            bar.close()
