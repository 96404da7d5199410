"""The files of the set-up agree with each other, and say clearly what a machine lacks.

Five packages are needed to code; other commands name the extra they need.
"""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from bare_install import EXTRAS, PROJECT, packages, run_bare
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from l3c.messages import PACKAGES
from tools import preflight

ROOT = Path(__file__).parents[1]


def _pins():
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def _bounds():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]
    lines = [*build["requires"], *PROJECT["dependencies"]]
    lines += [line for extra in ("train", "bench", "docs", "test") for line in EXTRAS[extra]]
    return [bound for bound in map(Requirement, lines) if bound.name != "l3c-bench"]


@pytest.mark.parametrize("requirement", _bounds(), ids=lambda requirement: requirement.name)
def test_pins_lie_within_the_bounds(requirement):
    assert len(list(requirement.specifier)) == 2 or requirement.name == "setuptools"
    assert requirement.specifier.contains(_pins()[canonicalize_name(requirement.name)])


def test_pins_name_no_source_and_no_machine():
    text = (ROOT / "requirements.txt").read_text("utf-8")
    for line in text.splitlines():
        assert re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[0-9][0-9.]*|", line), line
    lock = (ROOT / "baselines" / "flif_wasm" / "package-lock.json").read_text("utf-8")
    assert "resolved" not in json.loads(lock)["packages"]["node_modules/flif-wasm"]
    assert "://" not in text + lock


def test_conda_users_get_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert environment["name"] == "l3c-bench"
    assert {"pip": ["-r requirements.txt"]} in environment["dependencies"]


def _documents():
    found = subprocess.run(
        ["git", "ls-files", "*.md", "*.ipynb", "*.yaml", "*.yml", ":!.github"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in found.stdout.splitlines()]


def test_commands_of_the_documents_leave_the_set_up_as_it_is():
    """A copy in the place of the editable installation has no FLIF; other pins, other results."""
    installs = [
        (path.name, command)
        for path in _documents()
        for command in re.findall(
            r"pip install[^`#;&\n]*(?:\n[^`#;&\n]*`)?", path.read_text("utf-8")
        )
    ]
    assert len(installs) >= 5
    for name, command in installs:
        if re.match(r"pip install '?l3c-bench\b", command):  # into an environment of the user's
            continue
        kept = "-c requirements.txt" in command or "--no-deps" in command
        assert kept, (name, command)
        here = re.search(r"(-e )?'?\.(\[|\s|'|$)", command)
        assert here is None or here[1], (name, command)


def test_what_a_machine_lacks_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(preflight.sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    venv, compiler, headers = preflight.problems()
    assert "'ensurepip'" in venv
    assert "(cc, gcc, clang)" in compiler
    assert f"Python.h in {tmp_path}" in headers
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    [old] = preflight.problems()
    assert "Python 3.9." in old


MODELS = ROOT / "models"
RUN = "from l3c.cli import main; sys.exit(main(sys.argv[1:]))"
TRAIN, BENCH = "l3c-bench[train]", "l3c-bench[bench]"


def test_the_codec_needs_five_packages():
    codec = {"imagecodecs", "numpy", "pillow", "safetensors", "tqdm"}
    assert packages(PROJECT["dependencies"]) == codec


def test_the_package_imports_numpy_and_pillow_alone():
    code = """
before = {*sys.modules}
import l3c
print(*{name.partition(".")[0] for name in {*sys.modules} - before} - sys.stdlib_module_names)
"""
    loaded = set(run_bare(code).stdout.split())
    assert {"PIL", "l3c"} <= loaded <= {"PIL", "l3c", "numpy"}


@pytest.mark.parametrize(
    ("words", "extra", "code"),
    [
        ("bench photographs", BENCH, 1),
        ("compare a b", BENCH, 1),
        ("train photographs -o x.safetensors", TRAIN, 1),
        ("models import l3c", TRAIN, 1),
        (f"encode {ROOT}/tests/data/cases/missing.png", None, 1),
        ("models", TRAIN, 4),
    ],
)
def test_a_command_names_the_extra_that_it_lacks(words, extra, code):
    ended = run_bare(RUN, *words.split())
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False)
    assert re.findall(r"l3c-bench\[\w+\]", ended.stderr)[:1] == [extra] * (extra is not None)


@pytest.mark.parametrize(
    ("extra", "modules"),
    [
        ("train", "l3c.cli.train l3c.cli.sample l3c.cli.models_import l3c.models.interlaced"),
        ("train", "l3c.data.datasets l3c.data.images l3c.training.loop l3c.models.causal_network"),
        ("bench", "l3c.cli.bench l3c.cli.compare l3c.bench.run l3c.bench.figures.registry"),
    ],
)
def test_extras_hold_what_their_modules_import(extra, modules):
    code = "import importlib\nfor name in sys.argv[1:]: importlib.import_module(name)"
    ended = run_bare(code, *modules.split(), extras=(extra,))
    assert ended.returncode == 0, ended.stderr


def test_modules_with_names_of_their_own_belong_to_packages_of_extras():
    there = packages([line for extra in EXTRAS.values() for line in extra])
    assert {*map(canonicalize_name, PACKAGES.values())} <= there


def test_metadata_are_those_of_pyproject():
    """Of the installation; `make setup` renews it after a change of pyproject.toml."""
    stored = metadata.metadata("l3c-bench")
    assert stored["Requires-Python"] == PROJECT["requires-python"]
    assert {*EXTRAS} == set(stored.get_all("Provides-Extra") or [])
    plain = [line for line in metadata.requires("l3c-bench") or [] if "extra ==" not in line]
    assert {*map(Requirement, plain)} == {*map(Requirement, PROJECT["dependencies"])}
    assert Version(metadata.version("l3c-bench")) > Version("0")


def test_released_models_are_small_enough_for_a_wheel():
    sizes = {path.stem: path.stat().st_size for path in MODELS.glob("*.safetensors")}
    assert max(sizes.values()) < 16e6
    left_out = {"l3c", "rgb", "rgb-shared"}  # by setup.py
    assert 0 < sum(size for name, size in sizes.items() if name not in left_out) < 20e6
