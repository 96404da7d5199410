"""From a command line to an exit code: runs the command, and says what stopped it."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from l3c.cli.exits import Exit, UsageError, exit_of, reason
from l3c.cli.parser import parse


def main(argv: list[str] | None = None) -> int:
    """Runs `l3c` with these arguments, by default those of the process.

    Returns:
        The exit code, see `l3c.cli.exits`.

    Raises:
        SystemExit: by the parser, after --help or a wrong command line.
    """
    args = parse(argv)
    try:
        with _terminated_is_interrupted():
            # Only now, since some commands import PyTorch.
            code: Exit = importlib.import_module(f"l3c.cli.{args.command}").run(args)
            sys.stdout.flush()
            return int(code)
    except KeyboardInterrupt as interrupt:
        print(f"l3c: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        _close_stdout()
        return int(Exit.BROKEN_PIPE)
    except (UsageError, ValueError, OSError, RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and not _is_ours(error):
            raise  # a mistake of the program, to be reported with its traceback
        return int(_fatal(args, error))


def _fatal(args: argparse.Namespace, error: Exception) -> Exit:
    code = exit_of(error)
    name = getattr(error, "filename", None) or ""
    message = reason(error, str(name))
    if getattr(args, "json", False):
        from l3c.cli.report import print_json

        fields = {"type": type(error).__name__, "message": message}
        print_json({"command": args.command, "error": fields, "exit_code": int(code)})
    print(f"l3c: {name}: {message}" if name else f"l3c: {message}", file=sys.stderr)
    return code


def _is_ours(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in ("l3c", "coder", "baselines")


@contextlib.contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does, so that no temporary file stays."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt("terminated")

    if threading.current_thread() is not threading.main_thread():  # only there signals arrive
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _close_stdout() -> None:
    """Keeps Python from flushing, at its end, what nobody reads."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
