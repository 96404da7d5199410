"""Compare the results of two runs, and list what was changed between them.

Sizes and times are compared over the images that both runs measured, with 95 % intervals.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from l3c.bench.compare import compare
from l3c.bench.result_folder import read_result_folder
from l3c.cli.compare_table import print_difference
from l3c.cli.exits import Exit
from l3c.cli.options import add_shared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("a", metavar="A", help="folder of a run's results, with rows.csv")
    parser.add_argument("b", metavar="B", help="folder of those to be compared with it")
    add_shared(parser, "--json")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    a, b = map(read_result_folder, (args.a, args.b))
    if Path(args.a).samefile(args.b):
        print(f"l3c: {args.a} and {args.b} are the same folder", file=sys.stderr)
    print_difference(a, b, compare(a, b), as_json=args.json)
    return Exit.GOOD
