"""The command `l3c`; docs/command.md is its guide.

A module for each command: its docstring is the command's help, `add_arguments(parser)` declares its
arguments, `run(args)` does the work and returns an `Exit`. What takes time to import is imported
there once it is needed: `main` imports the module of the command that was given, and no other.
"""

from l3c.cli.main import main

__all__ = ["main"]
