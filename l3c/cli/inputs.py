"""What the command line names -> the files to read, and where each result goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from l3c.cli.exits import UsageError
from l3c.folders import HIDDEN, SEEN, Left, find_files

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


def find_sources(
    arguments: Iterable[str], suffixes: Collection[str]
) -> tuple[list[Source], list[Left]]:
    """The files that are named, and those in the folders that are named, in a fixed order.

    A folder that cannot be listed is a source with a problem.

    Args:
        arguments: paths, or "-" alone for standard input.
        suffixes: of the files to take from folders, lower case, with their dots.

    Returns:
        The sources, and what was passed over in folders: hidden, or linked twice, or of another
        suffix, which is then the reason.

    Raises:
        UsageError: "-" beside other inputs.
    """
    names = list(arguments)
    if PIPE in names:
        if len(names) > 1:
            raise UsageError("- (standard input) must be the only input")
        return [Source(None, Path())], []
    sources: list[Source] = []
    left: list[Left] = []
    for name in names:
        path = Path(name)
        if not os.path.isdir(name):  # unlike Path.is_dir, no error where it may not be looked at
            sources.append(Source(path, Path(path.name)))
            continue
        found = find_files(path, suffixes)
        sources += [Source(file, file.relative_to(path)) for file in found.files]
        sources += [
            Source(each.path, Path(), f"cannot list this folder: {each.reason}")
            for each in found.locked
        ]
        if not found.files and not found.locked:
            wanted = " ".join(sorted(suffixes))
            sources.append(Source(path, Path(), f"a folder without files that end in {wanted}"))
        left += found.left
        left += [Left(file, file.suffix.lower() or "no suffix") for file in found.others]
    return sources, left


def hidden(left: Iterable[Left]) -> list[Left]:
    """What was passed over for another reason than its suffix."""
    return [each for each in left if each.reason in (HIDDEN, SEEN)]


def plan(
    arguments: Iterable[str], suffixes: Collection[str], output: str | None, suffix: str
) -> tuple[list[Job], list[Left]]:
    """Sources with their targets, and what was passed over (see `find_sources`).

    A target lies beside its source, or below the folder `output` as its source lies below the one
    that was named.

    Args:
        arguments: see `find_sources`.
        suffixes: see `find_sources`.
        output: a file, a folder, "-", or None.
        suffix: of the targets, with its dot, where `output` does not name the file.

    Raises:
        UsageError: an output that does not fit the number of inputs.
    """
    names = list(arguments)
    sources, left = find_sources(names, suffixes)
    one_file = len(names) == 1 and not os.path.isdir(names[0])
    if not one_file and output == PIPE:
        raise UsageError("-o - (standard output) needs exactly one input file")
    into_folder = output is not None and (output.endswith(os.sep) or os.path.isdir(output))
    if not one_file and output is not None and os.path.lexists(output) and not into_folder:
        raise UsageError(f"-o {output} is a file; several inputs need a folder")
    if into_folder and names == [PIPE]:
        raise UsageError(f"-o {output} is a folder; standard input has no name: name a file")
    jobs: list[Job] = []
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
        jobs.append(Job(source, target))
    return jobs, left
