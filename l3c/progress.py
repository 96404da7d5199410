"""One progress report for every long loop: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

from tqdm import tqdm

terminal: TextIO | None = None
"""Where bars are drawn while stderr goes to a log, as in jobs of the workflow."""


class Progress:
    """Counts towards `total` and shows it on stderr.

    A terminal gets a tqdm bar. A stderr that is none gets a whole line at most every `every_s`
    seconds and one at the end, so that a log stays readable.

    Args:
        total: number of steps to come.
        label: what is being done, first word of every line.
        unit: what one step is, e.g. "image".
        every_s: least seconds between two plain lines.
        silent: shows nothing, as for all processes but one. So does a closed stderr.
        done: steps made before, by a run that this one goes on from; they took none of its time.
    """

    def __init__(
        self,
        total: int,
        label: str,
        unit: str = "step",
        every_s: float = 10.0,
        silent: bool = False,
        done: int = 0,
    ) -> None:
        self.total = total
        self.label = label
        self.unit = unit
        self.every_s = every_s
        self.done = done
        self._before = done
        self._start = time.monotonic()
        self._last_line = self._start
        self._bar: tqdm[Any] | None = None
        self._silent = silent or sys.stderr is None  # closed
        self._lines = not self._silent and not sys.stderr.isatty()
        shown = terminal if self._lines else sys.stderr
        if not self._silent and shown is not None:
            self._bar = tqdm(total=total, initial=done, desc=label, unit=unit, file=shown)

    def update(self, steps: int = 1, **values: float | str) -> None:
        """Advances by `steps`; `values` (e.g. bpsp=3.2) are shown beside the count."""
        self.done += steps
        if self._bar is not None:
            self._bar.update(steps)
            if values:
                self._bar.set_postfix({k: _short(v) for k, v in values.items()})
        if not self._lines:
            return
        now = time.monotonic()
        if now - self._last_line >= self.every_s or self.done >= self.total:
            self._last_line = now
            self._write_line(now, values)

    def _write_line(self, now: float, values: dict[str, float | str]) -> None:
        elapsed = now - self._start
        made = self.done - self._before
        left = elapsed / max(made, 1) * max(self.total - self.done, 0)
        shown = "".join(f", {k} {_short(v)}" for k, v in values.items())
        print(
            f"{self.label}: {self.done}/{self.total} {self.unit}s{shown}, "
            f"{elapsed:.0f} s, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
