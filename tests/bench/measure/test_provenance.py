"""What rows, tables and figures are traced by: machine, commit, configuration, data, models."""

import re
import subprocess
from unittest.mock import ANY

import pytest
from result_rows import provenance

from l3c.bench.measure.provenance import (
    CodeState,
    ProvenanceError,
    code_state,
    configuration_of,
    read_provenance,
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


ABOUT = {
    "configuration": {"evaluate": {"repeats": 1}, "recipes": {"rgb": {"steps": 8}}},
    "data": {"toy": "f" * 64},
    "models": {"rgb": "0123456789abcdef"},
    "versions": {"Python": "3.11.7", "numpy": "2.4.6"},
}


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
    made = provenance(COMMIT, **ABOUT)
    sha256 = made.configuration_sha256
    assert made.stamp == (
        f"commit 0123456789ab; configuration {sha256[:12]}; data toy ffffffffffff; "
        "models rgb 0123456789abcdef; Python 3.11.7, numpy 2.4.6"
    )
    changes = [{"data": {"toy": "e"}}, {"models": {"rgb": "fe"}}, {"versions": {"Python": "3.12"}}]
    ids = {made.short_id, *(provenance(COMMIT, **ABOUT | c).short_id for c in changes)}
    assert len(ids) == 4
    for short_id in ids:
        assert re.fullmatch(f"0123456789ab-{sha256[:12]}-[0-9a-f]{{12}}", short_id)
    changed = provenance(COMMIT, True, **ABOUT)
    assert changed.stamp.startswith("commit 0123456789ab with changes; configuration ")
    assert changed.short_id.startswith("0123456789ab+-")
    without = provenance("", **ABOUT | {"models": {}})
    assert (without.stamp.startswith("no commit; conf"), "models" in without.stamp) == (True, False)
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
    path, made = tmp_path / "provenance.json", provenance(COMMIT, **ABOUT)
    with pytest.raises(ProvenanceError, match=r"provenance\.json"):
        read_provenance(path)
    write_provenance(path, made)
    assert read_provenance(path) == made
    for text in ("", "[]", '{"configuration_sha256": "", "code": {}}'):
        path.write_text(text)
        with pytest.raises(ProvenanceError, match=r"provenance\.json"):
            read_provenance(path)
