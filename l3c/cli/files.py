"""Files in and out: what the command line names, and outputs that are whole or not there."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from l3c.cli.exits import UsageError
from l3c.cli.process import STDOUT
from l3c.fileformat.container import Bytes
from l3c.files import HIDDEN, SEEN, FilePart, find_files, kept_aside, whole_file, whole_part
from l3c.messages import one_line
from l3c.pillow_plugin import SUFFIX

PIPE = "-"
_EXISTS = "exists; use --force to replace it"


@dataclass(frozen=True)
class Job:
    """A file to read, and where its result goes.

    Attributes:
        path: None for standard input.
        target: path of the result; None for standard output, or if there is none.
        problem: why it cannot be read, if that is known already.
    """

    path: Path | None
    target: Path | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """The input, as messages call it."""
        return str(self.path) if self.path else "standard input"

    def read(self) -> bytes | FilePart:
        """All bytes of the input; of a plain file, where they are."""
        if self.path and self.path.is_file():
            return whole_part(self.path)
        return self.path.read_bytes() if self.path else sys.stdin.buffer.read()


class OutputError(ValueError):
    """An output that exists already, or cannot be written.

    Attributes:
        output: its path, or STDOUT.
    """

    def __init__(self, output: Path | str, reason: str) -> None:
        super().__init__(f"{output}: {reason}")
        self.output = str(output)


def find_jobs(
    args: argparse.Namespace,
    suffixes: Collection[str],
    becomes: str = "",
    *,
    name_others: bool = False,
) -> tuple[list[Job], dict[Path, str]]:
    """The files that are named, and those in the folders that are named, in a fixed order.

    A target lies beside its source, or below the folder `args.output` as its source lies below the
    one that was named.

    Args:
        args: as inputs paths, or "-" alone for standard input. If they become others, as output a
            file, a folder, "-", or None.
        suffixes: of the files to take from folders, lower case, with their dots.
        becomes: suffix of the targets, with its dot, where `args.output` does not name the file;
            "" if the command has none.
        name_others: list files with other suffixes, our own apart, as passed over.

    Returns:
        The jobs; a folder that cannot be listed is one with a problem. And what was passed over in
        folders, with the reason: hidden, linked twice, of another suffix.

    Raises:
        UsageError: "-" beside other inputs, or an output that does not fit the inputs.
    """
    if PIPE in args.inputs and len(args.inputs) > 1:
        raise UsageError("- (standard input) must be the only input")
    target_of = _targets(args, becomes) if becomes else lambda path, inside: None
    jobs: list[Job] = []
    left: dict[Path, str] = {}
    for name in args.inputs:
        path = Path(name)
        if name == PIPE:
            jobs.append(Job(None, target_of(None, Path())))
        elif not os.path.isdir(name):  # unlike Path.is_dir, no error where it may not be looked at
            jobs.append(Job(path, target_of(path, Path(path.name))))
        else:
            found = find_files(path, suffixes)
            jobs += [Job(file, target_of(file, file.relative_to(path))) for file in found.files]
            left |= found.left
            problems = {p: f"cannot list this folder: {why}" for p, why in found.locked.items()}
            if not found.files and not problems:
                problems[path] = f"a folder without files that end in {' '.join(sorted(suffixes))}"
            jobs += [Job(folder, problem=problem) for folder, problem in problems.items()]
    said = {why for why in left.values() if why in (HIDDEN, SEEN) or name_others} - {SUFFIX}
    return jobs, {path: why for path, why in left.items() if why in said}


def _targets(args: argparse.Namespace, becomes: str) -> Callable[[Path | None, Path], Path | None]:
    """A function of an input and its path inside the folder that was named: its target."""
    output, from_stdin = args.output, args.inputs == [PIPE]
    one_file = from_stdin or (len(args.inputs) == 1 and not os.path.isdir(args.inputs[0]))
    folder = output is not None and (output.endswith(os.sep) or os.path.isdir(output))
    to_stdout = output == PIPE or (from_stdin and output is None)
    if to_stdout and not one_file:
        raise UsageError("-o - (standard output) needs exactly one input file")
    if to_stdout and sys.stdout.isatty():
        raise UsageError("image data are not written to a terminal; name a file with -o")
    if to_stdout and args.json:
        raise UsageError("--json and image data cannot both go to standard output")
    if not one_file and not folder and output is not None and os.path.lexists(output):
        raise UsageError(f"-o {output} is a file; several inputs need a folder")
    if folder and from_stdin:
        raise UsageError(f"-o {output} is a folder; standard input has no name: name a file")

    def target(path: Path | None, inside: Path) -> Path | None:
        if to_stdout:
            return None
        if output is None:
            return path and path.with_suffix(becomes)
        in_folder = folder or not one_file
        return Path(output) / inside.with_suffix(becomes) if in_folder else Path(output)

    return target


class Outputs:
    """The files that a command writes.

    Args:
        force: whether files that were there before may be replaced.
    """

    def __init__(self, *, force: bool) -> None:
        self._force = force
        # By device and inode, since one file has many names: relative, through links, in other
        # letters where the file system ignores case or writes accents its own way.
        self._written: dict[tuple[int, int], Path | None] = {}

    def check(self, target: Path | None, source: Path | None = None) -> None:
        """Refuses a target before the work for it is done.

        Args:
            target: path to write; None for standard output.
            source: what is read, which is never replaced.

        Raises:
            OutputError: with what to do instead.
        """
        if target is None:
            return
        try:
            there = target.lstat()
        except OSError:
            return
        exists, reason = os.path.exists(target), "" if self._force else _EXISTS
        if exists and source is not None and target.samefile(source):
            reason = "is the input itself; name another output with -o"
        elif exists and not target.is_file():
            reason = "is not a plain file; use -o - and redirect the output"
        elif (key := (there.st_dev, there.st_ino)) in self._written:
            first = self._written[key]
            if first is None or source is None or not first.samefile(source):
                reason = f"was just written from {first}; name another for {source} with -o"
        if reason:
            raise OutputError(target, reason)

    def write(
        self,
        target: Path | None,
        data: Iterable[Bytes],
        source: Path | None = None,
        *,
        keep_times: bool = False,
        verify: Callable[[Bytes], None] | None = None,
    ) -> int:
        """Writes a file; after any error, an interrupt included, there is none.

        Args:
            target: its folder is made if missing; None for standard output.
            data: what to write, piece by piece.
            source: what it is made from.
            keep_times: give it the modification time of its source.
            verify: is given the written file before it gets its name.

        Returns:
            Number of bytes.

        Raises:
            OutputError: it cannot be written, or a file of that name has appeared in the meantime.
        """
        with _as_output_error(target):
            if target is None:
                if verify:
                    data = [b"".join(map(bytes, data))]
                    verify(data[0])
                sys.stdout.flush()
                size = sum(sys.stdout.buffer.write(bytes(piece)) for piece in data)
                sys.stdout.flush()
                return size
            target.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(target, replace=self._force) as file:
                size = sum(file.write(bytes(piece)) for piece in data)
                file.flush()
                if verify:
                    verify(whole_part(Path(file.name)))
                if keep_times and source is not None:
                    status = source.stat()
                    os.utime(file.name, ns=(status.st_atime_ns, status.st_mtime_ns))
            written = target.lstat()
            self._written[written.st_dev, written.st_ino] = source
            return size

    @contextmanager
    def aside(self, target: Path | None) -> Iterator[Callable[[bytes], bytes | FilePart]]:
        """See `kept_aside`; an OSError inside becomes an OutputError."""
        with _as_output_error(target):
            if target is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
            with kept_aside(target) as keep:
                yield keep


@contextmanager
def _as_output_error(target: Path | None) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        taken = isinstance(error, FileExistsError) and target and os.path.lexists(target)
        reason = _EXISTS if taken else f"cannot be written: {one_line(error)}"
        raise OutputError(target or STDOUT, reason) from error
