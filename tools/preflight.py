"""Whether this machine can set the project up, before anything is downloaded.

Run by `make setup` with the machine's own Python, which may be an old one: only the standard
library, and only syntax that every Python 3 understands.
"""

import os
import shutil
import sys
import sysconfig


def problems():
    """Lines that say what is missing and what to do; empty if nothing is."""
    if sys.version_info < (3, 11):
        yield (
            "Python 3.11 or newer is needed; {} is Python {}.{}. Name another one: "
            "make setup PYTHON=python3.12".format(sys.executable, *sys.version_info[:2])
        )
        return
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        yield (
            "this Python cannot make virtual environments (no module {!r}). Install its venv "
            "package (Debian, Ubuntu: apt install python3-venv), or name another Python: "
            "make setup PYTHON=/path/to/python3".format(error.name)
        )
    wanted = os.environ.get("CC", "").split()[:1] or ["cc", "gcc", "clang"]
    if not any(shutil.which(compiler) for compiler in wanted):
        yield (
            "no C compiler ({}), which builds the range coder. Install one (Debian, Ubuntu: "
            "apt install gcc; macOS: xcode-select --install)".format(", ".join(wanted))
        )
    include = sysconfig.get_paths()["include"]
    if not os.path.isfile(os.path.join(include, "Python.h")):
        yield (
            "Python's C headers are missing (no Python.h in {}). Install them (Debian, Ubuntu: "
            "apt install python3-dev)".format(include)
        )


if __name__ == "__main__":
    found = list(problems())
    for line in found:
        sys.stderr.write("set-up: " + line + "\n")
    sys.exit(1 if found else 0)
