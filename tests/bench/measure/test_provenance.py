"""What rows, tables and figures are traced by: machine, commit, configuration, data, models."""

import platform
import re
import subprocess
import sys
from unittest.mock import ANY

import numpy as np
import pytest

from l3c.bench.measure.provenance import (
    CodeState,
    Provenance,
    ProvenanceError,
    code_state,
    configuration_of,
    device_name,
    environment,
    hardware,
    peak_mib,
    read_id,
    read_provenance,
    read_stamp,
    versions,
    write_provenance,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOTHING = CodeState("", changed=False)


@pytest.fixture
def checkout(tmp_path):
    """A repository with one commit, and a function that runs git in it."""
    root = tmp_path / "checkout"
    (root / "results").mkdir(parents=True)
    (root / "code.py").write_text("one = 1\n")
    (root / "results" / "rows.csv").write_text("rows\n")

    def git(*arguments):
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        command = ["git", "-C", str(root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    assert code_state(root) == NOTHING
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    return root, git


def make(**fields):
    """Provenance of a run; keywords replace fields."""
    values = {
        "code": CodeState(COMMIT, False),
        "configuration": {"evaluate": {"repeats": 1}, "recipes": {"rgb": {"steps": 8}}},
        "data": {"toy": "f" * 64},
        "models": {"rgb": "0123456789abcdef"},
        "versions": {"Python": "3.11.7", "numpy": "2.4.6"},
    }
    return Provenance(**(values | fields))


def test_changed_code_is_told_and_changed_results_or_new_files_are_not(checkout):
    root, git = checkout
    (root / "results" / "rows.csv").write_text("other rows\n")
    (root / "mine.yaml").write_text("run: mine\n")
    assert code_state(root) == CodeState(git("rev-parse", "HEAD"), changed=False)
    (root / "code.py").write_text("one = 2\n")
    assert code_state(root).changed
    git("rm", "--quiet", "--force", "code.py")
    assert code_state(root).changed


def test_a_folder_without_git_or_inside_another_checkout_has_no_commit(
    checkout, tmp_path, monkeypatch
):
    root, _ = checkout
    assert code_state(root / "results") == NOTHING  # of another repository, not this code
    (tmp_path / "plain").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert code_state(tmp_path / "plain") == NOTHING
    monkeypatch.setenv("PATH", str(tmp_path / "plain"))
    assert code_state(root) == NOTHING  # no git on this machine


def test_stamp_and_id_name_everything():
    provenance = make()
    sha256 = provenance.configuration_sha256
    assert provenance.stamp == (
        f"commit 0123456789ab; configuration {sha256[:12]}; data toy ffffffffffff; "
        "models rgb 0123456789abcdef; Python 3.11.7, numpy 2.4.6"
    )
    assert re.fullmatch(f"0123456789ab-{sha256[:12]}-[0-9a-f]{{12}}", provenance.short_id)
    changes = [
        {"data": {"toy": "e" * 64}},
        {"models": {"rgb": "fedcba9876543210"}},
        {"versions": {"Python": "3.12.0", "numpy": "2.4.6"}},
    ]
    ids = {provenance.short_id, *(make(**change).short_id for change in changes)}
    assert len(ids) == 4
    assert len({short_id.rsplit("-", 1)[0] for short_id in ids}) == 1
    changed = make(code=CodeState(COMMIT, True))
    assert changed.stamp.startswith("commit 0123456789ab with changes; configuration ")
    assert changed.short_id.startswith("0123456789ab+-")
    without = make(code=NOTHING, models={})
    assert without.stamp.startswith("no commit; configuration ")
    assert "models" not in without.stamp
    assert without.short_id.startswith("no-commit-")


def test_where_a_run_lies_is_not_in_its_configuration(tmp_path):
    here = {"run": "a", "downloads": "d", "reference": "r", "device": "cpu"}
    family = tmp_path / "own.py"
    family.write_text("")
    recipes = {"rgb": {"family": str(family), "train": {"steps": 8}}}
    made = configuration_of(here, recipes)
    assert made == {"device": "cpu", "recipes": {"rgb": recipes["rgb"] | {"family": ANY}}}
    assert str(tmp_path) not in str(made)
    family.write_text("changed")
    assert configuration_of(here, recipes) != made
    assert configuration_of(here, recipes) != configuration_of(here, {})


def test_it_is_read_as_it_was_written(tmp_path):
    path, provenance = tmp_path / "provenance.json", make()
    with pytest.raises(ProvenanceError, match=r"provenance\.json"):
        read_stamp(path)
    write_provenance(path, provenance)
    assert read_provenance(path) == provenance
    assert (read_stamp(path), read_id(path)) == (provenance.stamp, provenance.short_id)
    for text in ("", "[]", "{}", '{"configuration_sha256": "", "code": {}}'):
        path.write_text(text)
        with pytest.raises(ProvenanceError, match=r"provenance\.json"):
            read_provenance(path)


def test_the_machine_is_named_in_a_line():
    assert next(iter(versions())) == "Python"
    assert {"numpy", "torch", "imagecodecs"} <= set(versions())
    assert re.fullmatch(r"[^\n]+, \d+ cores?, \d+ GiB", hardware())
    assert hardware().startswith(device_name("cpu"))
    assert environment().startswith(f"Python {platform.python_version()}, numpy 2")
    assert "\n" not in environment()


def test_peak_memory_grows_with_what_was_held_and_programs_are_apart():
    before = peak_mib()
    held = np.ones(int(before + 100) * 2**20, np.uint8)
    assert held[-1]
    del held
    assert peak_mib() > before + 90
    subprocess.run([sys.executable, "-c", "b'1' * (400 * 2**20)"], check=True)
    assert peak_mib(children=True) > 400
