"""Where tables and figures come from: commit, configuration, data, models, versions.

A run has one `provenance.json`. Every table and figure carries its stamp, one line that names the
same things, so that a copy of it alone can still be traced. Nothing in it depends on the clock or
on where the run lies: the same code and configuration give the same stamp.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from l3c.whole_files import write_whole

SHORT = 12  # hexadecimal digits of a hash in a stamp
# Keys that say where things lie and what is shown, not what is made.
_PLACES = ("run", "downloads", "reference", "tensorboard", "licence", "notebooks")
_PACKAGES = ("imagecodecs", "matplotlib", "numpy", "pillow", "safetensors", "snakemake", "torch")


class ProvenanceError(ValueError):
    """The file is missing or not as documented."""


@dataclass(frozen=True)
class CodeState:
    """The code as git knows it.

    Attributes:
        commit: 40 hexadecimal digits; "" where the code is no checkout of its own.
        changed: tracked files differ from the commit; those below results/ do not count.
    """

    commit: str
    changed: bool


@dataclass(frozen=True)
class Provenance:
    """What a run was made from.

    Attributes:
        code: at the time tables and figures were made.
        configuration: merged and checked, with the recipes, without folders of output.
        data: data set -> SHA-256 over the pixels of its kept images.
        models: key -> identity of the weights that are measured.
        versions: of Python and of the packages that results depend on.
    """

    code: CodeState
    configuration: Mapping[str, Any]
    data: Mapping[str, str]
    models: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def configuration_sha256(self) -> str:
        """Hash of the configuration, whatever the order of its keys."""
        return _sha256(self.configuration)

    @property
    def short_id(self) -> str:
        """Code, configuration, and the rest (data, models, versions) as a word of three parts."""
        changed = "+" if self.code.changed else ""
        commit = self.code.commit[:SHORT] or "no-commit"
        rest = _sha256({"data": self.data, "models": self.models, "versions": self.versions})
        return f"{commit}{changed}-{self.configuration_sha256[:SHORT]}-{rest[:SHORT]}"

    @property
    def stamp(self) -> str:
        """Everything, in one line."""
        commit = f"commit {self.code.commit[:SHORT]}" if self.code.commit else "no commit"
        parts = [
            commit + (" with changes" if self.code.changed else ""),
            f"configuration {self.configuration_sha256[:SHORT]}",
            _listed("data", {name: value[:SHORT] for name, value in self.data.items()}),
            _listed("models", self.models),
            ", ".join(f"{name} {version}" for name, version in self.versions.items()),
        ]
        return "; ".join(part for part in parts if part)


def _sha256(values: Mapping[str, Any]) -> str:
    """Hash of plain values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _listed(what: str, values: Mapping[str, str]) -> str:
    named = ", ".join(f"{name} {value}" for name, value in values.items())
    return f"{what} {named}" if named else ""


def code_state(root: Path) -> CodeState:
    """The commit that is checked out at `root`, if `root` is the top of a git working tree."""
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return CodeState("", False)
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return CodeState("", False)
    pathspec = ("--", ".", ":(exclude)results")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no", *pathspec)
    return CodeState(commit, bool(changes))


def _git(root: Path, *arguments: str) -> str | None:
    """What git says; None where it is not there or refuses."""
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def configuration_of(experiment: Mapping[str, Any], recipes: Mapping[str, Any]) -> dict[str, Any]:
    """What of a configuration decides the results.

    Args:
        experiment: the whole checked configuration as plain values.
        recipes: key of each trained model -> its recipe as plain values.
    """
    decisive = {key: value for key, value in experiment.items() if key not in _PLACES}
    return {**decisive, "recipes": dict(recipes)}


def versions() -> dict[str, str]:
    """Of Python and the packages that results depend on, as far as they are installed."""
    found = {"Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_provenance(path: Path, provenance: Provenance) -> None:
    """Writes it as JSON, whole or not at all."""
    content = asdict(provenance) | {"configuration_sha256": provenance.configuration_sha256}
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def read_provenance(path: Path) -> Provenance:
    """Reads it.

    Raises:
        ProvenanceError: naming the file and what is wrong.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        del content["configuration_sha256"]  # derived
        return Provenance(**content | {"code": CodeState(**content["code"])})
    except OSError as error:
        raise ProvenanceError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError) as error:
        why = f"without {error}" if isinstance(error, KeyError) else error
        raise ProvenanceError(
            f"{path}: no provenance of a run ({why}); copy it again from its run"
        ) from None


def read_stamp(path: Path) -> str:
    """The stamp for a figure or a page of tables."""
    return read_provenance(path).stamp


def read_id(path: Path) -> str:
    """The short id for a column of a CSV table."""
    return read_provenance(path).short_id
