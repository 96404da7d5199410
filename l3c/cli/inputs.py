"""What the command line names -> the files to read, and where each result goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from l3c.cli.exits import UsageError

PIPE = "-"


@dataclass(frozen=True)
class Source:
    """A file to read.

    Attributes:
        path: None for standard input.
        inside: its path inside the folder that the command line names, or its name.
        problem: why it cannot be read, if that is known already.
    """

    path: Path | None
    inside: Path
    problem: str = ""

    @property
    def name(self) -> str:
        """As messages call it."""
        return str(self.path) if self.path else "standard input"

    def read(self) -> bytes:
        """All bytes."""
        return self.path.read_bytes() if self.path else sys.stdin.buffer.read()


@dataclass(frozen=True)
class Job:
    """A source and where its result goes: a path, or None for standard output."""

    source: Source
    target: Path | None
    problem: str = ""


def find_sources(arguments: Iterable[str], suffixes: Collection[str]) -> list[Source]:
    """The files that are named, and those in the folders that are named, in a fixed order.

    Hidden files and folders inside a folder are left out, and so are files of another kind.

    Args:
        arguments: paths, or "-" alone for standard input.
        suffixes: of the files to take from folders, lower case, with their dots.

    Raises:
        UsageError: "-" beside other inputs.
    """
    names = list(arguments)
    if PIPE in names:
        if len(names) > 1:
            raise UsageError("- (standard input) must be the only input")
        return [Source(None, Path())]
    sources = []
    for name in names:
        path = Path(name)
        if not path.is_dir():
            sources.append(Source(path, Path(path.name)))
            continue
        found = sorted(_walk(path, suffixes))
        sources += [Source(file, file.relative_to(path)) for file in found]
        if not found:
            wanted = " ".join(sorted(suffixes))
            sources.append(Source(path, Path(), f"a folder without files that end in {wanted}"))
    return sources


def _walk(folder: Path, suffixes: Collection[str]) -> Iterable[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield Path(parent, name)


def plan(
    arguments: Iterable[str], suffixes: Collection[str], output: str | None, suffix: str
) -> list[Job]:
    """Sources with their targets.

    A target lies beside its source, or below the folder `output` as its source lies below the one
    that was named. Two sources of one target, which `--force` would lose one of, are a problem.

    Args:
        arguments: see `find_sources`.
        suffixes: see `find_sources`.
        output: a file, a folder, "-", or None.
        suffix: of the targets, with its dot, where `output` does not name the file.

    Raises:
        UsageError: an output that does not fit the number of inputs.
    """
    names = list(arguments)
    sources = find_sources(names, suffixes)
    one_file = len(names) == 1 and not Path(names[0]).is_dir()
    if not one_file and output == PIPE:
        raise UsageError("-o - (standard output) needs exactly one input file")
    into_folder = output is not None and (output.endswith(os.sep) or Path(output).is_dir())
    if not one_file and output is not None and Path(output).exists() and not into_folder:
        raise UsageError(f"-o {output} is a file; several inputs need a folder")
    if into_folder and names == [PIPE]:
        raise UsageError(f"-o {output} is a folder; standard input has no name: name a file")
    jobs: list[Job] = []
    taken: dict[Path, str] = {}
    for source in sources:
        if source.problem or output == PIPE or (output is None and source.path is None):
            jobs.append(Job(source, None, source.problem))
            continue
        if output is None:
            assert source.path is not None
            target = source.path.with_suffix(suffix)
        elif one_file and not into_folder:
            target = Path(output)
        else:
            target = Path(output) / source.inside.with_suffix(suffix)
        first = taken.setdefault(target, source.name)
        clash = f"would be written to {target}, as {first} is; name another output with -o"
        jobs.append(Job(source, target, clash if first != source.name else ""))
    return jobs
