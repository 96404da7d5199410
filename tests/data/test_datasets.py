"""Data sets from start to manifest: bad input, interruption, changed settings."""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from l3c.data import datasets
from l3c.data.datasets import (
    DatasetError,
    DatasetSpec,
    build_dataset,
    build_shard,
    kept_images,
    manifest_sha256,
    merge_shards,
    read_manifest,
)
from l3c.data.images import write_png
from l3c.data.prepare import Preparation
from l3c.data.synthetic import synthetic_image

pytestmark = pytest.mark.filterwarnings("error")

SMALL = {"min_side": 32}


def fill(folder: Path, count: int = 4) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        write_png(folder / f"p{index}.png", synthetic_image(f"p{index}"))
    return folder


def spoil(folder: Path) -> Path:
    """Adds the bad files that people have."""
    good = Image.fromarray(synthetic_image("good"))
    good.convert("L").save(folder / "grey.png")
    good.convert("RGBA").save(folder / "alpha.png")
    good.convert("L").convert("I").convert("I;16").save(folder / "deep.png")
    good.save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:900])
    (folder / "text.png").write_text("hello")
    (folder / "README.md").write_text("hello")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    write_png(folder / "tiny.png", synthetic_image("tiny")[:3, :5])
    return folder


def build(folder: Path, out: Path, **settings: object) -> Path:
    spec = DatasetSpec.model_validate({"source": str(folder), **settings})
    return build_dataset(spec, out, progress=False)


def reads(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
    """Names of the files of `folder` whose pixels are read from now on."""
    seen: list[str] = []
    real = datasets.folder_photos

    def spy(path: Path, licence: str) -> list[datasets.Photo]:
        def watch(photo: datasets.Photo) -> datasets.Photo:
            def read() -> np.ndarray:
                seen.append(photo.source)
                return photo.read()

            return datasets.Photo(photo.name, photo.source, photo.licence, read, photo.digest)

        return [watch(photo) for photo in real(path, licence)]

    monkeypatch.setattr(datasets, "folder_photos", spy)
    return seen


def test_bad_files_are_dropped_with_a_reason_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_manifest(build(spoil(fill(tmp_path / "in")), tmp_path / "out", prepare=SMALL))
    reasons = {row.source: row.reason for row in rows if row.status == "dropped"}
    wanted = {
        "alpha.png": "alpha channel",
        "cut.jpg": "truncated",
        "deep.png": "16-bit",
        "gone.png": "No such file",
        "grey.png": "greyscale",
        "text.png": "not an image",
        "tiny.png": "shorter side 3 px",
    }
    assert sorted(reasons) == sorted(wanted)
    lines = capsys.readouterr().err.splitlines()
    for source, reason in wanted.items():
        assert reason in reasons[source]
        assert f"  dropped {source}: {reasons[source]}" in lines
    assert any(line.endswith("4 images kept, 7 dropped") for line in lines)
    assert any("1 .md" in line for line in lines)
    assert sorted(os.listdir(tmp_path / "out/images")) == [f"p{index}.png" for index in range(4)]


def test_images_taken_as_they_are_may_be_tiny(tmp_path: Path) -> None:
    manifest = build(spoil(fill(tmp_path / "in", 1)), tmp_path / "out")
    kept = dict(kept_images(manifest))
    assert sorted(kept) == ["p0", "tiny"]
    assert kept["tiny"].shape == (3, 5, 3)
    assert np.array_equal(kept["p0"], synthetic_image("p0"))
    row = next(row for row in read_manifest(manifest) if row.image == "p0")
    assert (row.height, row.width, row.factor) == (row.source_height, row.source_width, 1)


def test_same_pixels_wherever_and_in_whichever_company(tmp_path: Path) -> None:
    one = build(fill(tmp_path / "one", 4), tmp_path / "out1", prepare=SMALL)
    two = build(spoil(fill(tmp_path / "deep/two", 4)), tmp_path / "out2", prepare=SMALL)
    assert manifest_sha256(one) == manifest_sha256(two)
    fewer = build(fill(tmp_path / "three", 3), tmp_path / "out3", prepare=SMALL)
    assert manifest_sha256(fewer) != manifest_sha256(one)
    assert dict(kept_images(fewer))["p1"].tolist() == dict(kept_images(one))["p1"].tolist()


def test_copies_differ_and_the_first_is_the_only_one_of_copies_1(tmp_path: Path) -> None:
    folder = spoil(fill(tmp_path / "in", 2))
    one = dict(kept_images(build(folder, tmp_path / "a", prepare=SMALL)))
    manifest = build(folder, tmp_path / "b", prepare=SMALL | {"copies": 3})
    many = dict(kept_images(manifest))
    assert sorted(many) == [f"p{index}__{copy}" for index in range(2) for copy in range(3)]
    assert np.array_equal(many["p0__0"], one["p0"])
    assert len({image.shape for image in many.values()}) > 2
    dropped = [row.source for row in read_manifest(manifest) if row.status == "dropped"]
    assert len(dropped) == len(set(dropped)) == 7  # not once for each copy


def test_files_of_one_stem_are_both_kept(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", 1)
    Image.fromarray(synthetic_image("other")).save(folder / "P0.JPG")
    kept = dict(kept_images(build(folder, tmp_path / "out")))
    assert len({name.lower() for name in kept}) == 2
    assert all(name.lower().startswith("p0__") for name in kept)


@pytest.mark.parametrize("name", ["日本語 写真.png", 'a\nb,"c".png', os.fsdecode(b"\xff\xfe.png")])
def test_odd_file_names_survive_the_manifest(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in" / "plain.png", synthetic_image("a"))
    try:
        os.rename(tmp_path / "in" / "plain.png", tmp_path / "in" / name)
    except OSError:
        pytest.skip("this file system refuses the name")
    manifest = build(tmp_path / "in", tmp_path / "out", prepare=SMALL)
    (row,) = read_manifest(manifest)
    assert row.source == name.encode("utf-8", "backslashreplace").decode("utf-8")
    assert row.image.isascii()
    assert len(list(kept_images(manifest))) == 1


def test_a_killed_build_leaves_whole_files_and_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = fill(tmp_path / "in"), tmp_path / "out"
    real = datasets.write_png
    written: list[Path] = []

    def dying(path: Path, *rest: object) -> None:
        if len(written) == 2:
            path.with_name(f".{path.name}.1.part").write_bytes(b"half")  # a kill cleans up nothing
            raise KeyboardInterrupt
        written.append(path)
        real(path, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(datasets, "write_png", dying)
        with pytest.raises(KeyboardInterrupt):
            build(folder, out, prepare=SMALL)
    assert not (out / "manifest.csv").exists()
    seen = reads(monkeypatch, folder)
    manifest = build(folder, out, prepare=SMALL)
    assert seen == ["p2.png", "p3.png"]
    assert len(list(kept_images(manifest))) == 4
    assert sorted(os.listdir(out / "images")) == [f"p{index}.png" for index in range(4)]
    fresh = build(folder, tmp_path / "fresh", prepare=SMALL)
    assert manifest.read_bytes() == fresh.read_bytes()


def test_a_full_disk_is_said_and_what_is_prepared_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = fill(tmp_path / "in"), tmp_path / "out"
    real, written = datasets.write_png, []

    def full(path: Path, image: np.ndarray, text: dict[str, str]) -> None:
        written.append(path)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, image, text)

    monkeypatch.setattr(datasets, "write_png", full)
    with pytest.raises(DatasetError, match=r"p2\.png: the disk of .* is full; make room; what was"):
        build(source, out)
    build(source, out)
    assert [path.name for path in written[3:]] == ["p2.png", "p3.png"]


def test_nothing_stale_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = fill(tmp_path / "in"), tmp_path / "out"
    first = manifest_sha256(build(folder, out, prepare=SMALL))
    write_png(folder / "p1.png", synthetic_image("new"))  # another photograph of the same name
    stored = out / "images" / "p2.png"  # spoiled by hand, its mark intact
    text = datasets.read_png_text(stored)
    write_png(stored, np.zeros((40, 40, 3), np.uint8), text)
    seen = reads(monkeypatch, folder)
    second = manifest_sha256(build(folder, out, prepare=SMALL))
    assert seen == ["p1.png", "p2.png"]
    third = manifest_sha256(build(folder, out, prepare=SMALL | {"seed": 1}))
    assert len({first, second, third}) == 3
    assert len(seen) == 6


def test_images_of_an_earlier_build_go_and_foreign_files_stay(tmp_path: Path) -> None:
    folder, out = fill(tmp_path / "in", 2), tmp_path / "out"
    build(folder, out, prepare=SMALL | {"copies": 2})
    write_png(out / "images" / "mine.png", synthetic_image("mine"))
    build(folder, out, prepare=SMALL)
    assert sorted(os.listdir(out / "images")) == ["mine.png", "p0.png", "p1.png"]


def test_limit_counts_kept_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = spoil(fill(tmp_path / "in"))
    manifest = build(folder, tmp_path / "out", prepare=SMALL | {"copies": 2}, limit=3)
    assert [name for name, _ in kept_images(manifest)] == [
        f"p{index}__{copy}" for index in range(3) for copy in range(2)
    ]
    assert "3 beyond the limit of 3 not read" in capsys.readouterr().err


def test_nothing_kept_is_one_line_and_no_manifest(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", 2)
    with pytest.raises(DatasetError, match=r"none of 2 images kept; the first is p0\.png: too s"):
        build(folder, tmp_path / "out", prepare={})
    assert not (tmp_path / "out" / "manifest.csv").exists()


def test_a_missing_folder_leaves_the_earlier_data_set_alone(tmp_path: Path) -> None:
    manifest = build(fill(tmp_path / "in"), tmp_path / "out")
    shutil.rmtree(tmp_path / "in")
    with pytest.raises(DatasetError, match="in: no such folder"):
        build(tmp_path / "in", tmp_path / "out")
    assert len(list(kept_images(manifest))) == 4


def test_a_source_around_or_inside_the_output_is_refused(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", 1)
    for out in (folder / "results", folder, tmp_path):
        with pytest.raises(DatasetError, match="overlaps with the output folder"):
            build(folder, out)
    assert os.listdir(folder) == ["p0.png"]


def test_a_built_in_source_carries_its_licence(tmp_path: Path) -> None:
    spec = DatasetSpec.model_validate(
        {"source": "embedded", "subset": "test", "prepare": {"min_side": 192}}
    )
    rows = read_manifest(build_dataset(spec, tmp_path))
    assert [row.image for row in rows] == ["chelsea", "coffee", "rocket", "flower"]
    assert all(row.status == "kept" and row.licence for row in rows)
    assert rows[0].source == "skimage/data/chelsea.png"
    assert (rows[0].height, rows[0].width) == (230, 346)
    assert (rows[0].pixel_sha256 or "").startswith("267e963f8b4a6733")


def test_changed_or_missing_images_are_noticed(tmp_path: Path) -> None:
    manifest = build(fill(tmp_path / "in"), tmp_path / "out")
    write_png(tmp_path / "out/images/p1.png", synthetic_image("else"))
    with pytest.raises(
        DatasetError, match=r"p1\.png: not the pixels of .* build the data set again"
    ):
        list(kept_images(manifest))
    (tmp_path / "out/images/p1.png").unlink()
    with pytest.raises(DatasetError, match=r"p1\.png: No such file"):
        list(kept_images(manifest))


def test_a_file_that_is_no_manifest_is_named(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    with pytest.raises(DatasetError, match=r"manifest\.csv: no such manifest"):
        read_manifest(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="its first line is not image,source,status"):
        read_manifest(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match="not a manifest"):
        read_manifest(path)
    build(fill(tmp_path / "in", 1), tmp_path / "out")
    with (tmp_path / "out/manifest.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    lines[1][4] = "high"
    path.write_text("\n".join(",".join(line) for line in lines))
    with pytest.raises(DatasetError, match="column height"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"source": "embedded"}, "subset is missing"),
        ({"source": "photos", "subset": "test"}, "not to a folder"),
        ({"source": "photos", "limit": 0}, "limit"),
        ({"source": ""}, "source"),
        ({"source": "photos", "prepared": None}, "prepared"),
    ],
)
def test_wrong_specs_are_refused(wrong: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        DatasetSpec.model_validate(wrong)


def test_shards_together_are_the_data_set(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", 7)
    spec = DatasetSpec(source=str(source), prepare=Preparation(min_side=32, copies=2))
    whole = build_dataset(spec, tmp_path / "whole")
    sharded = spec.model_copy(update={"shards": 3})
    out = tmp_path / "sharded"
    for shard in (2, 0, 1):
        build_shard(sharded, out, shard)
    assert merge_shards(sharded, out).read_bytes() == whole.read_bytes()
    assert manifest_sha256(out / "manifest.csv") == manifest_sha256(whole)
    names = {path.name for path in (out / "images").iterdir()}
    assert names == {path.name for path in (tmp_path / "whole" / "images").iterdir()}


def test_shards_of_a_list_keep_its_order(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", 5)
    names = sorted(path.name for path in source.iterdir())
    (source / "list.txt").write_text("\n".join(reversed(names)))
    spec = DatasetSpec(source=str(source / "list.txt"))
    whole = build_dataset(spec, tmp_path / "whole")
    assert [row.source for row in read_manifest(whole)] == names[::-1]
    sharded = spec.model_copy(update={"shards": 2})
    for shard in range(2):
        build_shard(sharded, tmp_path / "sharded", shard)
    assert merge_shards(sharded, tmp_path / "sharded").read_bytes() == whole.read_bytes()


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    spec = DatasetSpec(source=str(fill(tmp_path / "in", 3)), shards=2)
    build_shard(spec, tmp_path / "out", 0)
    with pytest.raises(DatasetError, match=r"1-of-2\.csv: no such manifest"):
        merge_shards(spec, tmp_path / "out")


def test_the_source_and_its_hash_are_in_the_manifest(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", 1)
    spec = DatasetSpec(source=str(source), licence="CC0")
    (row,) = read_manifest(build_dataset(spec, tmp_path / "out"))
    assert row.source_sha256 == hashlib.sha256((source / row.source).read_bytes()).hexdigest()
    assert row.licence == "CC0"
