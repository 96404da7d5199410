"""What an installation needs: five packages to code; other commands name the extra they need."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from bare_install import EXTRAS, PROJECT, packages, run_bare
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from l3c.messages import PACKAGES

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "models"
RUN = "from l3c.cli import main; sys.exit(main(sys.argv[1:]))"
TRAIN, BENCH = "l3c-bench[train]", "l3c-bench[bench]"


def test_the_codec_needs_five_packages() -> None:
    codec = {"imagecodecs", "numpy", "pillow", "safetensors", "tqdm"}
    assert packages(PROJECT["dependencies"]) == codec


def test_the_package_imports_numpy_and_pillow_alone() -> None:
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
def test_a_command_names_the_extra_that_it_lacks(words: str, extra: str | None, code: int) -> None:
    ended = run_bare(RUN, *words.split())
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False)
    assert re.findall(r"l3c-bench\[\w+\]", ended.stderr)[:1] == [extra] * (extra is not None)


@pytest.mark.parametrize(
    ("extra", "modules"),
    [
        ("train", "l3c.cli.train l3c.cli.sample l3c.cli.models_import l3c.models.interlaced"),
        ("train", "l3c.data.datasets l3c.data.store l3c.training.loop l3c.models.causal_network"),
        ("bench", "l3c.cli.bench l3c.cli.compare l3c.bench.run l3c.bench.figures.registry"),
    ],
)
def test_extras_hold_what_their_modules_import(extra: str, modules: str) -> None:
    code = "import importlib\nfor name in sys.argv[1:]: importlib.import_module(name)"
    ended = run_bare(code, *modules.split(), extras=(extra,))
    assert ended.returncode == 0, ended.stderr


def test_modules_with_names_of_their_own_belong_to_packages_of_extras() -> None:
    there = packages([line for extra in EXTRAS.values() for line in extra])
    assert {*map(canonicalize_name, PACKAGES.values())} <= there


def test_metadata_are_those_of_pyproject() -> None:
    """Of the installation; `make setup` renews it after a change of pyproject.toml."""
    stored = metadata.metadata("l3c-bench")
    assert stored["Requires-Python"] == PROJECT["requires-python"]
    assert {*EXTRAS} == set(stored.get_all("Provides-Extra") or [])
    plain = [line for line in metadata.requires("l3c-bench") or [] if "extra ==" not in line]
    assert {*map(Requirement, plain)} == {*map(Requirement, PROJECT["dependencies"])}
    assert Version(metadata.version("l3c-bench")) > Version("0")


def test_released_models_are_small_enough_for_a_wheel() -> None:
    files = [path for path in MODELS.iterdir() if path.suffix in (".json", ".safetensors")]
    assert 0 < sum(path.stat().st_size for path in files) < 20e6
