"""One piece of work on several files: a bar, a line for each file, a summary; or one JSON text."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from l3c.api import Model
from l3c.cli.exits import Exit, InputError, combined, error_fields, error_line, exit_of
from l3c.cli.files import Job, Outputs, find_jobs
from l3c.cli.process import STDOUT
from l3c.fileformat.container import Bytes
from l3c.messages import listed
from l3c.models.zoo import named_model, read_model

Outcome = tuple[str, dict[str, Any], Sequence[Exception]]
"""What came of a file: lines for people; fields for scripts, of which `sizes` are summed up; and
what is wrong with it, for stderr."""


def sizes(read: int, written: int, bits: float, subpixels: int) -> dict[str, Any]:
    """Fields of a file: bytes of input and output, and bpsp of the .l3c file of `bits`."""
    bpsp = bits / subpixels if subpixels else None
    return {"input_bytes": read, "output_bytes": written, "bpsp": bpsp, "subpixels": subpixels}


def _sizes_text(fields: dict[str, Any]) -> str:
    written = f" -> {fields['output_bytes']:,}" if fields["output_bytes"] else ""
    rate = "" if fields["bpsp"] is None else f", {fields['bpsp']:.3f} bpsp"
    return f"{fields['input_bytes']:,}{written} bytes{rate}"


class Batch:
    """Does the work on each input and prints what came of it; errors of one do not stop the others.

    Results go to stdout, unless image data do, errors and the bar to stderr. The bar is drawn on a
    terminal only.

    Args:
        args: the command's, with --json and perhaps --quiet.
        suffixes, becomes, name_others: see `find_jobs`.

    Attributes:
        args: the same.
        model: by --model, --device and --arithmetic, for commands with them.
        outputs: the files that the command writes.

    Raises:
        ModelError: no such model.
        UsageError: inputs and output do not fit.
    """

    model: Model

    def __init__(
        self,
        args: argparse.Namespace,
        suffixes: Collection[str],
        becomes: str = "",
        *,
        name_others: bool = False,
    ) -> None:
        self.args = args
        self.outputs = Outputs(force=getattr(args, "force", False))
        self._jobs, self._left = find_jobs(args, suffixes, becomes, name_others=name_others)
        if "device" in args:
            if args.model:
                named_model(args.model)  # fails now rather than at the first file
            self.model = Model(args.model, args.device, getattr(args, "arithmetic", None))
        quiet = getattr(args, "quiet", False)
        self._talks = not quiet and not args.json
        self._warned: set[str] = set()
        to_stdout = becomes and any(not job.target and not job.problem for job in self._jobs)
        self._out = sys.stderr if to_stdout else sys.stdout
        self._bar: Any = None
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm  # takes half as long to import as NumPy

            look = "{desc} {percentage:3.0f} % |{bar}| {elapsed} < {remaining}"
            shown: Any = {"total": len(self._jobs), "desc": args.command, "bar_format": look}
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
        fields: dict[str, Any],
        verify: Callable[[Bytes], None] | None = None,
    ) -> str:
        """Writes what a file became, adds that to its fields, and returns the line about it.

        Args:
            job: of the file.
            data: see `Outputs.write`.
            fields: with `sizes`.
            verify: see `Outputs.write`.
        """
        times, target = self.args.keep_times, job.target and str(job.target)
        written = self.outputs.write(job.target, data, job.path, keep_times=times, verify=verify)
        fields |= {"output": target, "output_bytes": written}
        seconds = time.perf_counter() - self._began
        text = f"{job.name} -> {target or STDOUT}: {_sizes_text(fields)}, {seconds:.1f} s"
        return text + ", lossy" * ("lossy" in fields)

    def warn(self, text: str) -> None:
        """Prints a line to stderr, once, unless quiet."""
        if self._talks and text not in self._warned:
            self._warned.add(text)
            self._print(f"l3c: {text}", sys.stderr)

    def run(self, work: Callable[[Job, Batch], Outcome], *, summary: bool = False) -> Exit:
        """Works on all files, prints a summary if there are several, and gives the exit code.

        What files cause is caught. Other errors are mistakes of this program. The code of a file
        with flaws that became an output all the same is SALVAGED.
        """
        start = time.perf_counter()
        files, codes = list[dict[str, Any]](), list[Exit]()
        with self._bar or contextlib.nullcontext():
            for count, job in enumerate(self._jobs, start=1):
                self._began = time.perf_counter()
                text, fields, flaws = self._outcome(job, work)
                files.append({"input": job.name} | fields)
                salvaged = flaws and fields.get("output_bytes")
                codes.append(Exit.SALVAGED if salvaged else combined(map(exit_of, flaws)))
                if self._bar is not None:
                    self._bar.n = count
                    self._bar.refresh()
                for flaw in flaws:
                    self._print(f"l3c: {error_line(flaw, job.name)}", sys.stderr)
                if self._talks and text:
                    self._print(text, self._out)
                    self._out.flush()
        code, seconds = combined(codes), time.perf_counter() - start
        failed = len(codes) - codes.count(Exit.GOOD)
        names = ("input_bytes", "output_bytes", "subpixels")
        read, written, subpixels = (sum(each.get(name, 0) for each in files) for name in names)
        bits = sum(each["bpsp"] * each["subpixels"] for each in files if each.get("subpixels"))
        total = sizes(read, written, bits, subpixels)
        if self.args.json:
            counts = {"files": len(files), "failed": failed, "seconds": round(seconds, 3)}
            left_out = [{"path": str(path), "reason": why} for path, why in self._left.items()]
            content = {"command": self.args.command, "files": files, "left_out": left_out}
            print_json(content | {"summary": counts | total, "exit_code": int(code)})
        if self._talks and self._left:
            paths = listed([*map(str, self._left)], " (--json names all)")
            text = f"left out, hidden or no image by name, {len(self._left)}: {paths}"
            print(text, file=self._out)
        if self._talks and summary and len(files) > 1:
            head = f"{len(files)} files" + (f", {failed} failed" if failed else "")
            print(f"{head}: {_sizes_text(total)}, {seconds:.1f} s", file=self._out)
        return code

    def _outcome(self, job: Job, work: Callable[[Job, Batch], Outcome]) -> Outcome:
        try:
            if job.problem:
                raise InputError(job.problem)
            self.outputs.check(job.target, job.path)
            text, fields, flaws = work(job, self)
            return text, fields | {"seconds": round(time.perf_counter() - self._began, 3)}, flaws
        except BrokenPipeError:
            raise
        except (ValueError, OSError, MemoryError) as error:
            return "", {"error": error_fields(error, job.name)}, [error]

    def _print(self, text: str, file: Any) -> None:
        (print if self._bar is None else self._bar.write)(text, file=file)


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
