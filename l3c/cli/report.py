"""What a command says: a bar while it works, a line for each file, a summary; or one JSON text."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from tqdm import tqdm

from l3c.cli.exits import Exit, combined, exit_of, reason
from l3c.cli.outcome import Outcome, Sizes, Summary
from l3c.cli.outputs import OutputError
from l3c.folders import Left

_LISTED = 5  # names that a line gives before it says how many more there are


class Report:
    """Collects outcomes; use it as a context manager, and `finish` it last.

    Results go to stdout, unless image data do, errors and the bar to stderr. The bar is drawn on a
    terminal only.

    Args:
        command: its name.
        count: how many files there are.
        left: what was passed over in folders.
        as_json: print one JSON text at the end, and nothing else on stdout.
        quiet: say nothing but errors.
        stdout_taken: image data go to stdout.
    """

    def __init__(
        self,
        command: str,
        count: int,
        left: Sequence[Left] = (),
        *,
        as_json: bool = False,
        quiet: bool = False,
        stdout_taken: bool = False,
    ) -> None:
        self._command = command
        self._left = left
        self._json = as_json
        self._talks = not quiet and not as_json
        self._out: TextIO = sys.stderr if stdout_taken else sys.stdout
        self._outcomes: list[Outcome] = []
        self._start = time.perf_counter()
        self._bar: tqdm[Any] = tqdm(
            total=count,
            desc=command,
            file=sys.stderr,
            disable=quiet or not sys.stderr.isatty(),
            leave=False,
            bar_format="{desc} {percentage:3.0f} % |{bar}| {elapsed} < {remaining}",
        )

    def steps(self, name: str, pixels: int) -> Callable[[int], None]:
        """A function that moves the bar, to be told pixels that are done of a file."""
        self._bar.set_description_str(f"{self._command} {name}")

        def move(done: int) -> None:
            self._bar.update(done / pixels)

        return move

    def add(self, outcome: Outcome) -> None:
        """Says what came of a file."""
        self._outcomes.append(outcome)
        self._bar.n = len(self._outcomes)
        self._bar.refresh()
        for line in outcome.problems + (outcome.warnings if self._talks else ()):
            self._bar.write(f"l3c: {line}", file=sys.stderr)
        if self._talks and outcome.text:
            self._bar.write(outcome.text, file=self._out)
            self._out.flush()

    def fail(self, name: str, error: BaseException) -> None:
        """Says that a file failed; of an output that it is the output."""
        output = error.output if isinstance(error, OutputError) else None
        code, why = exit_of(error), reason(error, output or name)
        about = {"message": why, "exit_code": int(code), "type": type(error).__name__}
        if output is not None:
            about["output"] = output
        fields = {"input": name, "error": about}
        self.add(Outcome("", fields, exit=code, problems=(f"{output or name}: {why}",)))

    @property
    def exit(self) -> Exit:
        """The exit code so far."""
        return combined(outcome.exit for outcome in self._outcomes)

    def finish(self, summary: Callable[[Summary], str] | None = None) -> Exit:
        """Ends with the summary, or the JSON text, and gives the exit code.

        Args:
            summary: makes the line for people, where there are several files.
        """
        self._bar.close()
        total = Summary(
            files=len(self._outcomes),
            failed=sum(outcome.exit != Exit.GOOD for outcome in self._outcomes),
            sizes=sum((outcome.sizes for outcome in self._outcomes), Sizes()),
            seconds=time.perf_counter() - self._start,
        )
        if self._json:
            content = {
                "command": self._command,
                "files": [outcome.fields for outcome in self._outcomes],
                "left_out": [
                    {"path": str(each.path), "reason": each.reason} for each in self._left
                ],
                "summary": total.fields(),
                "exit_code": int(self.exit),
            }
            print_json(content)
        elif self._talks:
            if self._left:
                print(_left_line(self._left), file=self._out)
            if summary is not None and total.files > 1:
                print(summary(total), file=self._out)
        return self.exit

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()


def _left_line(left: Sequence[Left]) -> str:
    names = [str(each.path) for each in left[:_LISTED]]
    if more := len(left) - len(names):
        names.append(f"and {more} more (--json names all)")
    return f"left out, hidden or no image by name, {len(left)}: {', '.join(names)}"


def print_json(content: dict[str, Any]) -> None:
    """Prints the one JSON text of a command, in UTF-8 whatever the terminal's encoding is.

    Bytes of a file name that are no UTF-8 become escaped surrogates; `os.fsencode` inverts that.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))  # an escape of JSON, too
