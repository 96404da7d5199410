"""Hostile bytes for the C core under sanitizers, for a few seconds.

tests/fuzz/README.md tells how the same driver runs as a coverage-guided fuzz target.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coder import range_coder

FUZZ = Path(__file__).parent.parent / "fuzz"
CODER = Path(range_coder.__file__).parent
SECONDS = 3
CORES = {
    "fuzz_lanes": ["lanes"],
    "fuzz_causal": ["lanes", "causal", "causal_dense", "causal_fit", "causal_loss"],
}


@pytest.fixture(scope="module")
def drivers(tmp_path_factory):
    """The fuzz drivers and the C core, compiled with sanitizers of addresses and of behaviour."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("fuzz")
    flags = ["-std=c11", "-g", "-O0", "-Wall", "-Wextra", "-Werror", "-DSTANDALONE", f"-I{CODER}"]
    flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    probe = f"{shlex.join([compiler, *flags])} empty.c -o empty && ./empty"
    if subprocess.run(probe, shell=True, cwd=folder, capture_output=True).returncode:
        pytest.skip(f"{compiler} makes no programs with sanitizers that run here")
    subprocess.run([sys.executable, FUZZ / "write_tables.py", "tables.c"], cwd=folder, check=True)
    for name, parts in CORES.items():
        files = [FUZZ / f"{name}.c", "tables.c", *(CODER / f"{part}.c" for part in parts)]
        subprocess.run([compiler, *flags, *files, "-o", name, "-lm"], cwd=folder, check=True)
    return folder


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=20 * SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "least"), [("fuzz_lanes", 20), ("fuzz_causal", 2)])
def test_random_inputs_under_sanitizers(drivers, name, least):
    inputs = int(run([drivers / name, str(SECONDS), "1"]).split()[0])
    assert inputs > least


def test_found_cases_under_sanitizers(drivers):
    cases = sorted((FUZZ / "cases").iterdir())
    assert run([drivers / "fuzz_lanes", "-r", *cases]) == f"{len(cases)} files\n"
