"""One piece of work on several files: a bar, a line for each file, a summary; or one JSON text."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from l3c.api import Model
from l3c.cli.exits import (
    Exit,
    InputError,
    UsageError,
    combined,
    error_fields,
    error_line,
    exit_of,
)
from l3c.cli.files import Job, Outputs
from l3c.cli.process import STDOUT
from l3c.fileformat.container import Bytes
from l3c.files import Left
from l3c.messages import listed
from l3c.models.zoo import named_model, read_model
from l3c.threads import limit_threads


@dataclass
class Outcome:
    """What came of one file.

    Attributes:
        text: lines for people.
        fields: for scripts; `sizes` among them are summed up.
        flaws: what is wrong with the file, for stderr.
        salvaged: it became an output in spite of its flaws.
        warnings: lines for stderr, each printed once, unless quiet.
    """

    text: str
    fields: dict[str, Any]
    flaws: Sequence[Exception] = ()
    salvaged: bool = False
    warnings: Sequence[str] = ()

    @property
    def exit(self) -> Exit:
        """The exit code of a command with this file alone."""
        code = combined(map(exit_of, self.flaws))
        return Exit.SALVAGED if self.salvaged and code != Exit.GOOD else code


def sizes(read: int, written: int, bits: float, subpixels: int) -> dict[str, Any]:
    """Fields of a file: bytes of input and output, and bpsp of the .l3c file of `bits`."""
    bpsp = bits / subpixels if subpixels else None
    return {"input_bytes": read, "output_bytes": written, "bpsp": bpsp, "subpixels": subpixels}


def _sizes_text(fields: dict[str, Any]) -> str:
    written = f" -> {fields['output_bytes']:,}" if fields["output_bytes"] else ""
    rate = "" if fields["bpsp"] is None else f", {fields['bpsp']:.3f} bpsp"
    return f"{fields['input_bytes']:,}{written} bytes{rate}"


def conversion(job: Job, fields: dict[str, Any], start: float) -> tuple[str, dict[str, Any]]:
    """Text and fields of a file that became another one.

    Args:
        job: with its target.
        fields: of the command; `sizes` among them.
        start: of the work, by `time.perf_counter`.
    """
    seconds, target = time.perf_counter() - start, job.target and str(job.target)
    text = f"{job.name} -> {target or STDOUT}: {_sizes_text(fields)}, {seconds:.1f} s"
    return text, {"input": job.name, "output": target, "seconds": round(seconds, 3)} | fields


class Batch:
    """Does the work on each file and prints what came of it; errors of one do not stop the others.

    Results go to stdout, unless image data do, errors and the bar to stderr. The bar is drawn on a
    terminal only.

    Args:
        args: the command's, with --json and perhaps --quiet.
        jobs: the files.
        left: what was passed over in folders.

    Attributes:
        args: the same.
        model: by --model, --device and --arithmetic, for commands with them.
        outputs: the files that the command writes.

    Raises:
        ModelError: no such model.
        UsageError: no such device here.
    """

    model: Model

    def __init__(self, args: argparse.Namespace, jobs: Sequence[Job], left: Sequence[Left]) -> None:
        self.args = args
        self.outputs = Outputs(force=getattr(args, "force", False))
        if "device" in args:
            self.model = _model(args)
        self._jobs, self._left = jobs, left
        quiet = getattr(args, "quiet", False)
        self._talks = not quiet and not args.json
        self._out = sys.stderr if any(job.to_stdout for job in jobs) else sys.stdout
        self._bar: Any = None
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm  # takes half as long to import as NumPy

            look = "{desc} {percentage:3.0f} % |{bar}| {elapsed} < {remaining}"
            shown: Any = {"total": len(jobs), "desc": args.command, "bar_format": look}
            self._bar = tqdm(**shown, file=sys.stderr, leave=False)

    def steps(self, job: Job, pixels: int) -> Callable[[int], None]:
        """A function that moves the bar by pixels of a file that are done."""
        if self._bar is None:
            return lambda done: None
        self._bar.set_description_str(f"{self.args.command} {job.name}")
        return lambda done: self._bar.update(done / pixels)

    def write(
        self,
        job: Job,
        data: Iterable[Bytes],
        verify: Callable[[Bytes], None] | None = None,
    ) -> int:
        """Writes what a file became; see `Outputs.write`."""
        times = self.args.keep_times
        return self.outputs.write(job.target, data, job.path, keep_times=times, verify=verify)

    def run(self, work: Callable[[Job, Batch], Outcome], *, summary: bool = False) -> Exit:
        """Works on all files, prints a summary if there are several, and gives the exit code.

        What files cause is caught. Other errors are mistakes of this program.
        """
        start, outcomes, warned = time.perf_counter(), [], set[str]()
        write = print if self._bar is None else self._bar.write
        with self._bar or contextlib.nullcontext():
            for count, job in enumerate(self._jobs, start=1):
                try:
                    if job.problem:
                        raise InputError(job.problem)
                    outcome = work(job, self)
                except BrokenPipeError:
                    raise
                except (ValueError, OSError, MemoryError) as error:
                    fields = {"input": job.name, "error": error_fields(error, job.name)}
                    outcome = Outcome("", fields, flaws=[error])
                outcomes.append(outcome)
                if self._bar is not None:
                    self._bar.n = count
                    self._bar.refresh()
                new = [text for text in outcome.warnings if self._talks and text not in warned]
                warned.update(new)
                for line in [*(error_line(flaw, job.name) for flaw in outcome.flaws), *new]:
                    write(f"l3c: {line}", file=sys.stderr)
                if self._talks and outcome.text:
                    write(outcome.text, file=self._out)
                    self._out.flush()
        code = combined(outcome.exit for outcome in outcomes)
        self._finish(outcomes, code, time.perf_counter() - start, summary)
        return code

    def _finish(
        self, outcomes: Sequence[Outcome], code: Exit, seconds: float, summary: bool
    ) -> None:
        files = [outcome.fields for outcome in outcomes]
        failed = sum(outcome.exit != Exit.GOOD for outcome in outcomes)
        names = ("input_bytes", "output_bytes", "subpixels")
        read, written, subpixels = (sum(each.get(name, 0) for each in files) for name in names)
        bits = sum(each["bpsp"] * each["subpixels"] for each in files if each.get("subpixels"))
        total = sizes(read, written, bits, subpixels)
        if self.args.json:
            counts = {"files": len(files), "failed": failed, "seconds": round(seconds, 3)}
            content = {
                "command": self.args.command,
                "files": files,
                "left_out": [{"path": str(e.path), "reason": e.reason} for e in self._left],
                "summary": counts | total,
                "exit_code": int(code),
            }
            print_json(content)
        if self._talks and self._left:
            paths = listed([str(each.path) for each in self._left], " (--json names all)")
            text = f"left out, hidden or no image by name, {len(self._left)}: {paths}"
            print(text, file=self._out)
        if self._talks and summary and len(files) > 1:
            head = f"{len(files)} files" + (f", {failed} failed" if failed else "")
            print(f"{head}: {_sizes_text(total)}, {seconds:.1f} s", file=self._out)


def _model(args: argparse.Namespace) -> Model:
    if args.model:
        named_model(args.model)  # fails now rather than at the first file
    if args.threads:
        limit_threads(args.threads)
    if args.device == "cuda":
        from l3c.models.base import choose_device

        try:
            choose_device(args.device)
        except ValueError as error:
            raise UsageError(str(error)) from None
    return Model(args.model, args.device, getattr(args, "arithmetic", None))


def print_written(args: argparse.Namespace, line: Callable[[dict[str, Any]], str]) -> Exit:
    """Prints what the card of the model that a command has written says, as a line or as JSON."""
    card = read_model(args.output).card
    if args.json:
        written = {"output": str(args.output), "card": card, "exit_code": 0}
        print_json({"command": args.command} | written)
    elif not args.quiet:
        print(f"{args.output}: {line(card)}")
    return Exit.GOOD


def print_json(content: dict[str, Any]) -> None:
    """Prints the one JSON text of a command, in UTF-8 whatever the terminal's encoding is.

    Bytes of a file name that are no UTF-8 become escaped surrogates; `os.fsencode` inverts that.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))  # an escape of JSON, too
