"""Check a submitted result: decode its files, compare pixels, recompute rates.

This runs the submission's Python file as if it were yours: it can read, change and send what you
can. Read it first, and check the submissions of strangers in a container without a network.
"""

from __future__ import annotations

import argparse
import sys

from l3c.bench.run import open_run, read_run
from l3c.bench.schema import rows_of
from l3c.bench.submission import check_submission
from l3c.cli.exits import Exit
from l3c.cli.options import add_shared
from l3c.cli.process import hushed
from l3c.cli.report import print_json
from l3c.messages import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("folder", metavar="DIR", help="rows.csv, streams, and the method's file")
    parser.add_argument(
        "--against",
        metavar="RUN",
        default="results/reference",
        help="folder of a run on the same images, for the hashes of their pixels; "
        "default results/reference",
    )
    add_shared(parser, "--json", "--quiet")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command; a refused submission is a failure."""
    with hushed(args.quiet or not sys.stderr.isatty()):
        verdict = check_submission(read_run(args.folder), open_run(args.against))
    code = Exit.FAILED if verdict.problems else Exit.GOOD
    if args.json:
        found = vars(verdict) | {"rates": verdict.rates.to_dict("records")}
        accepted = {"command": "check", "accepted": not verdict.problems}
        print_json(accepted | found | {"exit_code": int(code)})
        return code
    print("\n".join([*verdict.problems, "refused" if verdict.problems else "accepted"]))
    if code == Exit.GOOD:
        for line in rows_of(verdict.rates):
            images = counted(line.images, "image")
            rates = f"{line.mean_bpsp:.3f} bpsp, {images}; {line.total_bpsp:.3f} all together"
            print(f"{line.method} on {line.dataset}: {rates}")
        print(f"decoded in {verdict.decode_s:.1f} s here; speeds of the rows are not checked")
        print(f"code and weights besides the streams: {verdict.other_bytes:,} bytes")
    return code
