"""Files that appear whole or not at all, and never in place of another one unasked."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from l3c.cli.exits import UsageError
from l3c.cli.streams import STDOUT, flush_stdout
from l3c.images.picture import PictureError


class OutputError(ValueError):
    """An output that is not written: it is there already, or cannot be.

    Attributes:
        output: its path, or STDOUT.
    """

    def __init__(self, output: Path | str, reason: str) -> None:
        super().__init__(f"{output}: {reason}")
        self.output = str(output)


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

    def check(self, target: Path, source: Path | None = None) -> None:
        """Refuses a target before the work for it is done.

        Args:
            target: path to write.
            source: what is read, which is never replaced.

        Raises:
            OutputError: with what to do instead.
        """
        try:
            there = target.lstat()
        except OSError:
            return
        if source is not None and os.path.exists(target) and target.samefile(source):
            raise OutputError(target, "is the input itself; name another output with -o")
        if os.path.exists(target) and not target.is_file():
            raise OutputError(target, "is not a plain file; use -o - and redirect the output")
        key = there.st_dev, there.st_ino
        if key in self._written:
            first = self._written[key]
            if first is None or source is None or not first.samefile(source):
                raise OutputError(
                    target, f"was just written from {first}; name another for {source} with -o"
                )
        if not self._force:
            raise _exists(target)

    @contextlib.contextmanager
    def new_file(
        self,
        target: Path,
        source: Path | None = None,
        *,
        times_of: Path | None = None,
        suffix: str | None = None,
    ) -> Iterator[Path]:
        """Gives a temporary path beside `target` to write to; it becomes `target` at the end.

        After any error, an interrupt included, there is neither.

        Args:
            target: its folder is made if missing.
            source: what it is made from.
            times_of: a file whose modification time the new one gets.
            suffix: of the temporary path, if another than the target's.

        Raises:
            OutputError: it cannot be written, or a file of that name has appeared in the meantime.
        """
        ending = target.suffix if suffix is None else suffix
        temporary = target.with_name(f".l3c-{secrets.token_hex(8)}{ending}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            if times_of is not None:
                status = times_of.stat()
                os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
            if self._force:
                os.replace(temporary, target)
            else:
                _rename_to_free_name(temporary, target)
            written = target.lstat()
            self._written[written.st_dev, written.st_ino] = source
        except (OSError, PictureError) as error:
            raise OutputError(target, _cannot(error)) from error
        finally:
            with contextlib.suppress(OSError):  # mostly not there: it has its name, or never was
                temporary.unlink()


def write_stdout(data: bytes) -> None:
    """Writes all of it.

    Raises:
        OutputError: that could not be done.
    """
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        flush_stdout()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(STDOUT, _cannot(error)) from error


def _rename_to_free_name(temporary: Path, target: Path) -> None:
    """Unlike a rename, a link fails where the name was taken while the work was done."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError:  # a file system without links
        if os.path.lexists(target):
            raise _exists(target) from None
        os.rename(temporary, target)


def _exists(target: Path) -> OutputError:
    return OutputError(target, "exists; use --force to replace it")


def _cannot(error: OSError | PictureError) -> str:
    if isinstance(error, PictureError):
        return error.reason
    return f"cannot be written: {error.strerror or error}"


def check_stdout(args: argparse.Namespace) -> None:
    """Refuses image data on a standard output that is not for them.

    Raises:
        UsageError: it is a terminal, or a JSON text is to go there.
    """
    if sys.stdout.isatty():
        raise UsageError("image data are not written to a terminal; name a file with -o")
    if args.json:
        raise UsageError("--json and image data cannot both go to standard output")
