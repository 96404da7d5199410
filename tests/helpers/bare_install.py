"""Processes that have the packages of some extras only, as after `pip install l3c-bench[...]`."""

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
blocked = set(sys.argv.pop(1).split(","))
sys.meta_path.insert(0, Blocked())
"""


def packages(lines: list[str]) -> set[str]:
    """Canonical names of requirements, with those of extras of our own among them."""
    found = set()
    for requirement in map(Requirement, lines):
        found |= {canonicalize_name(requirement.name)} - {PROJECT["name"]}
        found |= {name for extra in requirement.extras for name in packages(EXTRAS.get(extra, []))}
    return found


def run_bare(
    code: str, *args: object, extras: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Runs code with the dependencies of the package and of these extras, but of no other."""
    installed = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    others = packages([line for extra in EXTRAS.values() for line in extra]) - packages(installed)
    blocked = [
        module
        for module, names in packages_distributions().items()
        if others & {*map(canonicalize_name, names)}
    ]
    command = [sys.executable, "-c", BLOCK + code, ",".join([*blocked, "Cython"]), *map(str, args)]
    return subprocess.run(command, cwd=ROOT, timeout=120, text=True, capture_output=True)
