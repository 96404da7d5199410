"""What tables and figures are traced by: commit, configuration, data, models, versions."""

import re
import subprocess

import pytest

from l3c.bench.measure.provenance import (
    CodeState,
    Provenance,
    ProvenanceError,
    code_state,
    configuration_of,
    read_id,
    read_provenance,
    read_stamp,
    versions,
    write_provenance,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"


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
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    return root, git


@pytest.fixture
def make_provenance():
    """Provenance of a run; keywords replace fields."""

    def make(**fields):
        values = {
            "code": CodeState(COMMIT, False),
            "configuration": {"evaluate": {"repeats": 1}, "recipes": {"rgb": {"steps": 8}}},
            "data": {"toy": "f" * 64},
            "models": {"rgb": "0123456789abcdef"},
            "versions": {"Python": "3.11.7", "numpy": "2.4.6"},
        }
        return Provenance(**(values | fields))

    return make


def test_the_commit_is_that_of_the_checkout(checkout):
    root, git = checkout
    assert code_state(root) == CodeState(git("rev-parse", "HEAD"), changed=False)


def test_changed_code_is_said_and_changed_results_or_new_files_are_not(checkout):
    root, _ = checkout
    (root / "results" / "rows.csv").write_text("other rows\n")
    (root / "mine.yaml").write_text("run: mine\n")
    assert not code_state(root).changed
    (root / "code.py").write_text("one = 2\n")
    assert code_state(root).changed


def test_staged_and_deleted_code_counts_as_changed(checkout):
    root, git = checkout
    git("rm", "--quiet", "code.py")
    assert code_state(root).changed


def test_a_folder_without_git_or_inside_another_checkout_has_no_commit(
    checkout, tmp_path, monkeypatch
):
    root, _ = checkout
    nothing = CodeState("", changed=False)
    assert code_state(root / "results") == nothing  # of another repository, not this code
    (tmp_path / "plain").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert code_state(tmp_path / "plain") == nothing
    monkeypatch.setenv("PATH", str(tmp_path / "plain"))
    assert code_state(root) == nothing  # no git on this machine


def test_a_repository_without_a_commit_has_none(tmp_path):
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert code_state(tmp_path) == CodeState("", changed=False)


def test_the_stamp_names_everything(make_provenance):
    provenance = make_provenance()
    sha256 = provenance.configuration_sha256
    assert provenance.stamp == (
        f"commit 0123456789ab; configuration {sha256[:12]}; data toy ffffffffffff; "
        "models rgb 0123456789abcdef; Python 3.11.7, numpy 2.4.6"
    )
    assert re.fullmatch(f"0123456789ab-{sha256[:12]}-[0-9a-f]{{12}}", provenance.short_id)


def test_the_short_id_follows_data_models_and_versions(make_provenance):
    changes = [
        {},
        {"data": {"toy": "e" * 64}},
        {"models": {"rgb": "fedcba9876543210"}},
        {"versions": {"Python": "3.12.0", "numpy": "2.4.6"}},
    ]
    ids = [make_provenance(**change).short_id for change in changes]
    assert len(set(ids)) == len(ids)
    assert len({short_id.rsplit("-", 1)[0] for short_id in ids}) == 1
    other_order = make_provenance(versions={"numpy": "2.4.6", "Python": "3.11.7"})
    assert other_order.short_id == ids[0]


def test_changes_and_a_missing_commit_are_in_stamp_and_id(make_provenance):
    changed = make_provenance(code=CodeState(COMMIT, True))
    assert changed.stamp.startswith("commit 0123456789ab with changes; configuration ")
    assert changed.short_id.startswith("0123456789ab+-")
    without = make_provenance(code=CodeState("", False), models={})
    assert without.stamp.startswith("no commit; configuration ")
    assert "models" not in without.stamp
    assert without.short_id.startswith("no-commit-")


def test_the_hash_is_of_values_not_of_their_order(make_provenance):
    one = {"a": {"x": 1, "y": 2}, "b": [1, 2]}
    other = {"b": [1, 2], "a": {"y": 2, "x": 1}}
    hashes = [
        make_provenance(configuration=configuration).configuration_sha256
        for configuration in (one, other, one | {"b": [2, 1]})
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_where_a_run_lies_is_not_in_its_configuration():
    here = {
        "run": "results/a",
        "downloads": "d",
        "reference": "r",
        "tensorboard": True,
        "device": "cpu",
    }
    there = {
        "run": "/tmp/b",
        "downloads": "e",
        "reference": "s",
        "tensorboard": False,
        "device": "cpu",
    }
    recipes = {"rgb": {"train": {"steps": 8}}}
    assert configuration_of(here, recipes) == configuration_of(there, recipes)
    assert configuration_of(here, recipes) == {"device": "cpu", "recipes": recipes}
    assert configuration_of(here, recipes) != configuration_of(here | {"device": "cuda"}, recipes)
    assert configuration_of(here, recipes) != configuration_of(here, {})


def test_it_is_read_as_it_was_written(make_provenance, tmp_path):
    path, provenance = tmp_path / "provenance.json", make_provenance()
    write_provenance(path, provenance)
    assert read_provenance(path) == provenance
    assert read_stamp(path) == provenance.stamp
    assert read_id(path) == provenance.short_id


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"configuration_sha256": "", "code": {}}'])
def test_a_file_that_is_none_is_named(text, tmp_path):
    path = tmp_path / "provenance.json"
    path.write_text(text)
    with pytest.raises(ProvenanceError, match=r"provenance\.json: no provenance of a run"):
        read_provenance(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ProvenanceError, match=r"provenance\.json: cannot be read"):
        read_stamp(tmp_path / "provenance.json")


def test_versions_are_of_python_and_what_results_depend_on():
    found = versions()
    assert next(iter(found)) == "Python"
    assert {"numpy", "torch", "imagecodecs"} <= set(found)
