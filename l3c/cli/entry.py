"""From a command line to an exit code: runs the command, and says what stopped it."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys

from l3c.cli.interrupts import INTERRUPTED, Interrupts
from l3c.cli.streams import flush_stdout, open_streams, silence_libraries


def main(argv: list[str] | None = None) -> int:
    """Runs `l3c` with these arguments, by default those of the process.

    Returns:
        The exit code, see `l3c.cli.exits`.

    Raises:
        SystemExit: by the parser, after --help or a wrong command line.
    """
    own_process = argv is None
    with Interrupts(own_process=own_process) as interrupts:
        if own_process:
            open_streams()
        code = _main(argv, interrupts)
        if own_process and code == INTERRUPTED:
            # Not by sys.exit: Python kills itself, without the exit code, if the interrupt went
            # through an exec() of some library.
            os._exit(code)
        return code


def _main(argv: list[str] | None, interrupts: Interrupts) -> int:
    # Imported once interrupts are handled, since they take time.
    from l3c.cli.exits import Exit, UsageError
    from l3c.cli.parser import parse

    args = None
    try:
        try:
            args = parse(argv)
            if getattr(args, "quiet", False):
                silence_libraries()
            command = importlib.import_module(f"l3c.cli.{args.command.replace(' ', '_')}")
            interrupts.at_once = False
            return int(command.run(args))
        finally:
            flush_stdout()
    except KeyboardInterrupt as interrupt:
        print(f"l3c: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        return int(Exit.BROKEN_PIPE)
    except (UsageError, ValueError, OSError, RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and not _is_ours(error):
            raise  # a mistake of the program, to be reported with its traceback
        return _fatal(args, error)


def _fatal(args: argparse.Namespace | None, error: Exception) -> int:
    from l3c.cli.exits import exit_of, reason

    code = exit_of(error)
    name = getattr(error, "output", None) or getattr(error, "filename", None) or ""
    message = reason(error, str(name))
    if args is not None and getattr(args, "json", False):
        from l3c.cli.report import print_json

        fields = {"type": type(error).__name__, "message": message}
        print_json({"command": args.command, "error": fields, "exit_code": int(code)})
        with contextlib.suppress(OSError):  # said below, if it is that
            flush_stdout()
    print(f"l3c: {name}: {message}" if name else f"l3c: {message}", file=sys.stderr)
    return int(code)


def _is_ours(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in ("l3c", "coder", "baselines")
