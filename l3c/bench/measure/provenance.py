"""Where rows, tables and figures come from: commit, configuration, data, models, versions.

A run has one `provenance.json`. Every table and figure carries its stamp, one line that names the
same things, so that a copy of it alone can still be traced. Nothing in it depends on the clock or
on where the run lies: the same code and configuration give the same stamp.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, computed_field

from l3c.files import write_text
from l3c.messages import one_line
from l3c.models.zoo import family_name
from l3c.settings import problems

SHORT = 12  # hexadecimal digits of a hash in a stamp
# Keys that say where things lie and what is shown, not what is made.
_PLACES = ("run", "downloads", "reference", "licence", "notebooks", "figures")


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


class Provenance(BaseModel):
    """What a run was made from.

    Attributes:
        code: at the time tables and figures were made.
        configuration: merged and checked, with the recipes, without folders of output.
        data: data set -> SHA-256 over the pixels of its kept images.
        models: key -> identity of the weights that are measured.
        versions: of Python and of the packages that results depend on.
    """

    model_config = ConfigDict(frozen=True)

    code: CodeState
    configuration: dict[str, Any]
    data: dict[str, str]
    models: dict[str, str]
    versions: dict[str, str]

    @computed_field  # type: ignore[prop-decorator]
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
        data = ", ".join(f"{name} {value[:SHORT]}" for name, value in self.data.items())
        models = ", ".join(f"{name} {value}" for name, value in self.models.items())
        parts = [
            commit + (" with changes" if self.code.changed else ""),
            f"configuration {self.configuration_sha256[:SHORT]}",
            data and f"data {data}",
            models and f"models {models}",
            ", ".join(f"{name} {version}" for name, version in self.versions.items()),
        ]
        return "; ".join(part for part in parts if part)


def _sha256(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def code_state(root: Path) -> CodeState:
    """The commit that is checked out at `root`, if `root` is the top of a git working tree."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() == root.resolve():
            pathspec = ("--untracked-files=no", "--", ".", ":(exclude)results")
            changes = git("status", "--porcelain", *pathspec)
            return CodeState(git("rev-parse", "HEAD"), bool(changes))
    except (OSError, subprocess.CalledProcessError):
        pass  # no git, no repository, no commit
    return CodeState("", False)


def configuration_of(experiment: Mapping[str, Any], recipes: Mapping[str, Any]) -> dict[str, Any]:
    """What of a configuration decides the results.

    Args:
        experiment: the whole checked configuration as plain values.
        recipes: key of each trained model -> its recipe as plain values; of a family's file, its
            name and hash are kept.
    """
    decisive = {key: value for key, value in experiment.items() if key not in _PLACES}
    families = {key: family_name(recipe["family"]) for key, recipe in recipes.items()}
    named = {key: recipe | {"family": families[key]} for key, recipe in recipes.items()}
    return {**decisive, "recipes": named}


def write_provenance(path: Path, provenance: Provenance) -> None:
    """Writes it as JSON, whole or not at all."""
    write_text(path, provenance.model_dump_json(indent=2) + "\n")


def read_provenance(path: Path) -> Provenance:
    """Reads it.

    Raises:
        ProvenanceError: naming the file and what is wrong.
    """
    try:
        return Provenance.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        why = problems(error)[0] if isinstance(error, ValidationError) else one_line(error)
        raise ProvenanceError(f"{path}: {why}; copy it again from its run") from None
