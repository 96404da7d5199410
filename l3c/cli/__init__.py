"""The command `l3c`; docs/command.md is its guide."""

from l3c.cli.entry import main

__all__ = ["main"]
