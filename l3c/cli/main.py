"""From a command line to an exit code: runs the command, and reports what stopped it."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from types import ModuleType

from l3c.cli.process import (
    INTERRUPTED,
    STDOUT,
    drop_output,
    interrupts,
    open_streams,
    silence_libraries,
)

COMMANDS = {
    "encode": "Compress images to .l3c files.",
    "decode": "Restore images from .l3c files.",
    "info": "Describe .l3c files: size, tiles, model, metadata, bytes by part.",
    "verify": "Decode .l3c files, compare all checksums, and write nothing.",
    "bench": "Compare all methods on the RGB images of folders.",
    "sample": "Draw what a model expects to see, given only the coarser scales of images.",
    "train": "Train a model on a folder of photographs.",
    "models": "List the models that come with the package, and others that are named.",
    "models import": "Import a model of the authors' release (fab-jul/L3C-PyTorch).",
    "check": "Check a submitted result: decode its files, compare pixels, recompute rates.",
    "compare": "Compare the results of runs, and list what was changed between them.",
}
"""Each command and the first line of its module's docstring."""
MEASURING = {"bench", "check", "compare"}
"""Commands that need the extra "bench"."""


def main(argv: list[str] | None = None) -> int:
    """Runs `l3c` with these arguments, by default those of the process.

    Returns:
        The exit code, see `l3c.cli.exits`.

    Raises:
        SystemExit: by the parser, after --help or a wrong command line.
    """
    own_process = argv is None
    with interrupts(own_process=own_process):
        if own_process:
            open_streams()
        code = _main(sys.argv[1:] if argv is None else argv)
        try:
            sys.stdout.flush()
        except OSError as error:
            drop_output()
            if not code and not isinstance(error, BrokenPipeError):
                print(f"l3c: {STDOUT}: cannot be written: {error.strerror}", file=sys.stderr)
            code = code or (141 if isinstance(error, BrokenPipeError) else 1)
        if own_process and code == INTERRUPTED:
            # Not by sys.exit: Python kills itself, without the exit code, if the interrupt went
            # through an exec() of some library.
            os._exit(code)
        return code


def command_module(name: str) -> ModuleType:
    """The module of a command; Python imports it now."""
    import importlib

    return importlib.import_module(f"l3c.cli.{name.replace(' ', '_')}")


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line; `command` is the name of the command.

    Raises:
        SystemExit: after --help and --version, or with status 2 if something is wrong.
    """
    from l3c.cli.exits import Exit

    if " ".join(words[:2]) in COMMANDS:  # a command of two words
        words = [" ".join(words[:2]), *words[2:]]
    codes = [f"  {int(code):<4} {code.meaning}" for code in Exit]
    parser = argparse.ArgumentParser(
        prog="l3c",
        description="Learned lossless image compression. Decoding gives the image that was "
        "encoded, sample by sample, or an error that names the fault.",
        epilog="\n".join(["exit codes:", *codes]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = "unknown"  # of a copy that is not installed
    if "--version" in words:  # looking it up takes time
        from importlib import metadata

        with contextlib.suppress(metadata.PackageNotFoundError):
            version = metadata.version("l3c-bench")
    parser.add_argument(
        "--version", action="version", version=f"l3c {version}", help="show the version and exit"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if words[:1] == [name]:
            module = command_module(name)
            command.description = module.__doc__
            module.add_arguments(command)
    return parser.parse_args(words)


def _main(words: list[str]) -> int:
    args = argparse.Namespace(command="", json=False, quiet=False)
    try:
        # Imported once interrupts are handled, since they take time.
        from l3c.cli.exits import Exit, UsageError, error_fields, error_line, exit_of
        from l3c.messages import is_ours, naming_extra
        from l3c.threads import limit_threads

        with naming_extra("bench" if MEASURING & {*words[:1]} else "train"):
            args = parse(words)
            if getattr(args, "quiet", False):
                silence_libraries()
            if getattr(args, "threads", None):
                limit_threads(args.threads)
            code = int(command_module(args.command).run(args))
    except KeyboardInterrupt as interrupt:
        print(f"l3c: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:
        drop_output()
        return int(Exit.BROKEN_PIPE)
    except (UsageError, ValueError, OSError, RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and not is_ours(error):
            raise  # a mistake of the program, to be reported with its traceback
        code = int(exit_of(error))
        if args.json:
            from l3c.cli.report import print_json

            with contextlib.suppress(OSError):  # said below, if it is that
                about = {"error": error_fields(error), "exit_code": code}
                print_json({"command": args.command} | about)
        print(f"l3c: {error_line(error)}", file=sys.stderr)
    return code
