"""`l3c compare`: two folders of results side by side, and what was changed between them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from l3c.bench.compare import compare
from l3c.bench.result_folder import read_result_folder
from l3c.cli.compare_table import print_difference
from l3c.cli.exits import Exit


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    a, b = map(read_result_folder, (args.a, args.b))
    if Path(args.a).samefile(args.b):
        print(f"l3c: {args.a} and {args.b} are the same folder", file=sys.stderr)
    print_difference(a, b, compare(a, b), as_json=args.json)
    return Exit.GOOD
