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


class OutputError(ValueError):
    """A file that is not written: it is there already, or is not a plain file."""


def check_target(target: Path, *, force: bool, source: Path | None = None) -> None:
    """Refuses a target before the work for it is done.

    Args:
        target: path to write.
        force: whether a file there may be replaced.
        source: what is read, which is never replaced.

    Raises:
        OutputError: with what to do instead.
    """
    if not os.path.lexists(target):
        return
    if source is not None and target.exists() and target.samefile(source):
        raise OutputError(f"{target} is the input itself; name another output with -o")
    if target.exists() and not target.is_file():
        raise OutputError(f"{target} is not a plain file; use -o - and redirect the output")
    if not force:
        raise _exists(target)


@contextlib.contextmanager
def new_file(
    target: Path, *, force: bool, times_of: Path | None = None, suffix: str | None = None
) -> Iterator[Path]:
    """Gives a temporary path beside `target` to write to; it becomes `target` at the end.

    After any error, an interrupt included, there is neither.

    Args:
        target: its folder is made if missing.
        force: see `check_target`.
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
        if force:
            os.replace(temporary, target)
        else:
            _rename_to_free_name(temporary, target)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _rename_to_free_name(temporary: Path, target: Path) -> None:
    """Unlike a rename, a link fails where the name was taken while the work was done."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError:  # a file system without links
        check_target(target, force=False)
        os.rename(temporary, target)


def _exists(target: Path) -> OutputError:
    return OutputError(f"{target} exists; use --force to replace it")


def check_stdout(args: argparse.Namespace) -> None:
    """Refuses image data on a standard output that is not for them.

    Raises:
        UsageError: it is a terminal, or a JSON text is to go there.
    """
    if sys.stdout.isatty():
        raise UsageError("image data are not written to a terminal; name a file with -o")
    if args.json:
        raise UsageError("--json and image data cannot both go to standard output")
