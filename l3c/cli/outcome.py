"""What came of a file, and of all files together: for people, and for scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from l3c.cli.exits import Exit
from l3c.cli.inputs import Job


@dataclass(frozen=True)
class Sizes:
    """What a file adds to the summary.

    Attributes:
        read: bytes of the input.
        written: bytes of the output.
        coded: bytes of the one of the two that is an .l3c file.
        subpixels: samples of the image.
    """

    read: int = 0
    written: int = 0
    coded: int = 0
    subpixels: int = 0

    def __add__(self, other: Sizes) -> Sizes:
        return Sizes(
            self.read + other.read,
            self.written + other.written,
            self.coded + other.coded,
            self.subpixels + other.subpixels,
        )

    @property
    def bpsp(self) -> float | None:
        """Bits per sub-pixel of the .l3c files; None without images."""
        return 8 * self.coded / self.subpixels if self.subpixels else None


@dataclass(frozen=True)
class Outcome:
    """What came of one file.

    Attributes:
        text: lines for people.
        fields: the same for scripts.
        sizes: for the summary.
        exit: other than GOOD for a file that was not as it should be.
        problems: lines for stderr.
        warnings: the same, of a file that is as it should be; not said if quiet.
    """

    text: str
    fields: dict[str, Any]
    sizes: Sizes = field(default=Sizes())
    exit: Exit = Exit.GOOD
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def converted(job: Job, sizes: Sizes, seconds: float, fields: dict[str, Any]) -> Outcome:
    """What came of a file that became another one; `fields` are added to those of all such."""
    target = "standard output" if job.target is None else str(job.target)
    bpsp = "" if sizes.bpsp is None else f", {sizes.bpsp:.3f} bpsp"
    text = (
        f"{job.source.name} -> {target}: {sizes.read:,} -> {sizes.written:,} bytes{bpsp}, "
        f"{seconds:.1f} s"
    )
    common = {
        "input": job.source.name,
        "output": None if job.target is None else target,
        "input_bytes": sizes.read,
        "output_bytes": sizes.written,
        "bpsp": sizes.bpsp,
        "seconds": round(seconds, 3),
    }
    return Outcome(text, common | fields, sizes)


@dataclass(frozen=True)
class Summary:
    """All files together."""

    files: int
    failed: int
    sizes: Sizes
    seconds: float

    def fields(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "files": self.files,
            "failed": self.failed,
            "input_bytes": self.sizes.read,
            "output_bytes": self.sizes.written,
            "bpsp": self.sizes.bpsp,
            "seconds": round(self.seconds, 3),
        }

    def line(self) -> str:
        """For people: how many files, sizes before and after, bpsp, seconds."""
        parts = [f"{self.seconds:.1f} s"]
        if self.sizes.bpsp is not None:
            parts.insert(0, f"{self.sizes.bpsp:.3f} bpsp")
        if self.failed < self.files:
            parts.insert(0, f"{self.sizes.read:,} -> {self.sizes.written:,} bytes")
        return f"{self.head()}: {', '.join(parts)}"

    def head(self) -> str:
        """How many files, and how many of them failed."""
        files = "1 file" if self.files == 1 else f"{self.files} files"
        return f"{files}, {self.failed} failed" if self.failed else files
