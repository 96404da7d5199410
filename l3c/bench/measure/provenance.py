"""Where rows, tables and figures come from: machine, commit, configuration, data, models, versions.

A run has one `provenance.json`. Every table and figure carries its stamp, one line that names the
same things, so that a copy of it alone can still be traced. Nothing in it depends on the clock or
on where the run lies: the same code and configuration give the same stamp.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError, computed_field

from l3c.files import write_text
from l3c.models.zoo import family_name
from l3c.settings import problems

SHORT = 12  # hexadecimal digits of a hash in a stamp
# Keys that say where things lie and what is shown, not what is made.
_PLACES = ("run", "downloads", "reference", "licence", "notebooks", "figures")
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
    try:
        top = _git(root, "rev-parse", "--show-toplevel")
        if Path(top).resolve() == root.resolve():
            commit = _git(root, "rev-parse", "HEAD")
            pathspec = ("--", ".", ":(exclude)results")
            changes = _git(root, "status", "--porcelain", "--untracked-files=no", *pathspec)
            return CodeState(commit, bool(changes))
    except (OSError, subprocess.CalledProcessError):
        pass  # no git, no repository, no commit
    return CodeState("", False)


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


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
    except OSError as error:
        raise ProvenanceError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        why = problems(error)[0]
        raise ProvenanceError(
            f"{path}: no provenance of a run ({why}); copy it again from its run"
        ) from None


def read_stamp(path: Path) -> str:
    """The stamp for a figure or a page of tables."""
    return read_provenance(path).stamp


def read_id(path: Path) -> str:
    """The short id for a column of a CSV table."""
    return read_provenance(path).short_id


def versions(packages: tuple[str, ...] = _PACKAGES) -> dict[str, str]:
    """Of Python and the packages that results depend on, as far as they are installed."""
    found = {"Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str]:
    """The columns `hardware` and `environment` of a row."""
    return {"hardware": hardware(), "environment": environment()}


def hardware() -> str:
    """Processor, usable cores and memory, e.g. "AMD EPYC 7763, 2 cores, 8 GiB"."""
    count, memory = cores(), psutil.virtual_memory().total
    return f"{_processor()}, {count} core{'s' * (count > 1)}, {memory / 2**30:.0f} GiB"


def environment() -> str:
    """Versions of Python and of the numerical libraries; nothing is imported for it."""
    named = [f"{name} {version}" for name, version in versions(("numpy", "torch")).items()]
    return ", ".join([*named, f"{platform.system()} {platform.machine()}"])


def device_name(device: str) -> str:
    """Name of the processor, or of the first CUDA device."""
    if device != "cuda":
        return _processor()
    import torch

    return torch.cuda.get_device_name()


def cores() -> int:
    """How many cores this process may use."""
    return len(usable_cores() or ()) or os.cpu_count() or 1


def usable_cores() -> set[int] | None:
    """Numbers of the cores that this process may use; None if the system does not tell (macOS)."""
    try:
        return os.sched_getaffinity(0)
    except AttributeError:
        return None


def _processor() -> str:
    names = _values(Path("/proc/cpuinfo"), "model name")
    return next(iter(names), platform.processor() or platform.machine() or "unknown processor")


def _values(path: Path, key: str) -> list[str]:
    """Values of the lines "key : value" of a file of Linux; none elsewhere."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [" ".join(line.split(":", 1)[1].split()) for line in lines if line.startswith(key)]


def peak_mib(device: str = "cpu", *, children: bool = False) -> float:
    """The most memory held at once so far, in MiB; nothing is subtracted.

    Args:
        device: on the CPU it is that of the process, with Python, its libraries and all that they
            have loaded; on a CUDA device, that of the tensors there.
        children: instead of this process, the largest of the programs that it has started. Of
            those that have ended Linux counts the size of this one in, if it is larger.
    """
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    per_mib = 2**20 if sys.platform == "darwin" else 1024
    processes = psutil.Process().children() if children else [psutil.Process()]
    # As Linux counts it for a process; not ru_maxrss, which a program has from its parent.
    peaks = [_values(Path(f"/proc/{process.pid}/status"), "VmHWM") for process in processes]
    found = [int(peak.split()[0]) / 1024 for peaks_of in peaks for peak in peaks_of]
    if children or not found:
        who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
        found.append(resource.getrusage(who).ru_maxrss / per_mib)
    return max(found)
