"""Data sets from start to manifest: bad input, interruption, changed settings.

Factors stay in their range and depend on nothing but names; the filter drops with figures.
"""

import errno
import hashlib
import os
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from tiny_models import smooth

from l3c.data import DatasetError, datasets
from l3c.data.datasets import (
    DatasetSpec,
    Preparation,
    build_dataset,
    choose_factor,
    deviations,
    prepare_image,
)
from l3c.data.images import kept_images, manifest_sha256, read_manifest, write_png
from l3c.data.sources import Photo
from l3c.images.picture import PictureError

SMALL = {"min_side": 32}
FULL_SIZE = {"copies": 2, "full_size": True}
BAD = ["alpha.png", "cut.jpg", "deep.png", "gone.png", "grey.png", "text.png", "tiny.png"]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Photographs in their order, whatever a test before has set PyTorch to."""
    monkeypatch.setattr(datasets, "thread_count", lambda: 1)


def photograph(name):
    """Another one for each name, 64 to 96 pixels a side."""
    rng = np.random.default_rng(list(name.encode()))
    height, width = rng.integers(64, 97, 2)
    return smooth(height, width) // 2 + rng.integers(0, 90, (1, 1, 3), np.uint8)


def fill(folder, count=4):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        write_png(folder / f"p{index}.png", photograph(f"p{index}"))
    return folder


def spoil(folder):
    """Adds the bad files that people have."""
    good = Image.fromarray(photograph("good"))
    good.convert("L").save(folder / "grey.png")
    good.convert("RGBA").save(folder / "alpha.png")
    good.convert("L").convert("I").convert("I;16").save(folder / "deep.png")
    good.save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:900])
    (folder / "text.png").write_text("hello")
    (folder / "README.md").write_text("hello")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    write_png(folder / "tiny.png", photograph("tiny")[:3, :5])
    return folder


def build(source, out, **settings):
    return build_dataset(DatasetSpec.model_validate({"source": str(source), **settings}), out)


def reads(monkeypatch):
    """Names of the photographs whose pixels are read from now on."""
    seen = []
    real = Photo.read
    monkeypatch.setattr(Photo, "read", lambda photo: seen.append(photo.source) or real(photo))
    return seen


def test_bad_files_are_dropped_with_a_reason_and_listed(tmp_path, capsys):
    rows = read_manifest(build(spoil(fill(tmp_path / "in")), tmp_path / "out", prepare=SMALL))
    reasons = {row.source: row.reason for row in rows if row.status == "dropped"}
    assert sorted(reasons) == BAD
    lines = capsys.readouterr().err.splitlines()
    assert all(reasons.values())
    assert {f"  dropped {source}: {reason}" for source, reason in reasons.items()} <= {*lines}
    assert any(".md" in line for line in lines)
    assert sorted(os.listdir(tmp_path / "out/images")) == [f"p{index}.png" for index in range(4)]


def test_images_taken_as_they_are_may_be_tiny(tmp_path):
    manifest = build(spoil(fill(tmp_path / "in", 1)), tmp_path / "out", licence="CC0")
    kept = dict(kept_images(manifest))
    assert (sorted(kept), kept["tiny"].shape) == (["p0", "tiny"], (3, 5, 3))
    assert np.array_equal(kept["p0"], photograph("p0"))
    row = next(row for row in read_manifest(manifest) if row.image == "p0")
    assert (row.height, row.width, row.factor) == (row.source_height, row.source_width, 1)
    source = (tmp_path / "in" / row.source).read_bytes()
    assert (row.source_sha256, row.licence) == (hashlib.sha256(source).hexdigest(), "CC0")


def test_copies_differ_and_the_first_is_the_only_one_of_copies_1(tmp_path):
    folder = spoil(fill(tmp_path / "in", 2))
    one = dict(kept_images(build(folder, tmp_path / "a", prepare=SMALL)))
    manifest = build(folder, tmp_path / "b", prepare=SMALL | {"copies": 3})
    many = dict(kept_images(manifest))
    assert sorted(many) == [f"p{index}__{copy}" for index in range(2) for copy in range(3)]
    assert np.array_equal(many["p0__0"], one["p0"])
    assert len({image.shape for image in many.values()}) > 2
    dropped = [row.source for row in read_manifest(manifest) if row.status == "dropped"]
    assert dropped == BAD  # once, not for each copy
    mixed = dict(kept_images(build(folder, tmp_path / "c", prepare=SMALL | FULL_SIZE)))
    assert np.array_equal(mixed["p0__0"], photograph("p0"))
    assert np.array_equal(mixed["p0__1"], many["p0__1"])


@pytest.mark.parametrize("name", ["日本語 写真.png", 'a\nb,"c".png', os.fsdecode(b"\xff\xfe.png")])
def test_odd_file_names_survive_the_manifest(tmp_path, name):
    folder = fill(tmp_path / "in", 1)
    try:
        os.rename(folder / "p0.png", folder / name)
    except OSError:
        pytest.skip("this file system refuses the name")
    manifest = build(folder, tmp_path / "out", prepare=SMALL)
    (row,) = read_manifest(manifest)
    assert row.source == name.encode("utf-8", "backslashreplace").decode("utf-8")
    assert row.image.isascii()
    assert len(list(kept_images(manifest))) == 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left")])
def test_an_interrupted_build_leaves_whole_files_and_continues(tmp_path, monkeypatch, kind):
    folder, out = fill(tmp_path / "in"), tmp_path / "out"
    written = []

    def dying(path, image):
        if len(written) == 2:
            path.with_name(f".{path.name}.1.part").write_bytes(b"half")  # a kill cleans up nothing
            raise kind
        written.append(path)
        write_png(path, image)

    monkeypatch.setattr(datasets, "write_png", dying)
    with pytest.raises((KeyboardInterrupt, DatasetError)):
        build(folder, out, prepare=SMALL)
    monkeypatch.setattr(datasets, "write_png", write_png)
    assert not (out / "manifest.csv").exists()
    seen = reads(monkeypatch)
    manifest = build(folder, out, prepare=SMALL)
    assert seen == ["p2.png", "p3.png"]
    assert sorted(os.listdir(out / "images")) == [f"p{index}.png" for index in range(4)]
    fresh = build(folder, tmp_path / "fresh", prepare=SMALL)
    assert manifest.read_bytes() == fresh.read_bytes()


def test_nothing_stale_is_used_again(tmp_path, monkeypatch):
    folder, out = fill(tmp_path / "in"), tmp_path / "out"
    first = manifest_sha256(build(folder, out, prepare=SMALL))
    write_png(folder / "p1.png", photograph("new"))  # another photograph of the same name
    write_png(out / "images" / "p2.png", np.zeros((40, 40, 3), np.uint8))  # spoiled by hand
    with (out / "made.jsonl").open("ab") as journal:  # a build that was killed while it wrote
        journal.write(b'\n["')
    seen = reads(monkeypatch)
    second = manifest_sha256(build(folder, out, prepare=SMALL))
    assert seen == ["p1.png", "p2.png"]
    third = manifest_sha256(build(folder, out, prepare=SMALL | {"seed": 1}))
    assert len({first, second, third}) == 3
    assert len(seen) == 6
    write_png(out / "images" / "mine.png", photograph("mine"))  # stays; earlier copies go
    for copies in (2, 1):
        build(folder, out, prepare=SMALL | {"copies": copies})
    assert sorted(os.listdir(out / "images")) == ["mine.png", *(f"p{i}.png" for i in range(4))]


def test_what_could_not_be_read_is_read_again(tmp_path, monkeypatch):
    folder, read = fill(tmp_path / "in", 2), Photo.read

    def without_p1(photo):
        if photo.name == "p1":
            raise PictureError("not today", photo.source)
        return read(photo)

    with monkeypatch.context() as today:
        today.setattr(Photo, "read", without_p1)
        assert len(list(kept_images(build(folder, tmp_path / "out")))) == 1
    assert len(list(kept_images(build(folder, tmp_path / "out")))) == 2


def test_what_cannot_be_built_is_named_and_leaves_all_alone(tmp_path):
    folder = fill(tmp_path / "in", 2)
    with pytest.raises(DatasetError, match=r"p0\.png"):  # nothing is kept
        build(folder, tmp_path / "out", prepare={})
    assert not (tmp_path / "out" / "manifest.csv").exists()
    for out in (folder / "results", folder, tmp_path):
        with pytest.raises(DatasetError, match="overlaps"):
            build(folder, out)
    assert len(os.listdir(folder)) == 2
    manifest = build(folder, tmp_path / "out")
    shutil.rmtree(folder)
    with pytest.raises(DatasetError):
        build(folder, tmp_path / "out")
    assert len(list(kept_images(manifest))) == 2


def test_a_built_in_set_is_the_same_to_the_byte(tmp_path):
    """Rows and pixels: what was trained on before stays valid."""
    manifest = build("embedded", tmp_path, subset="test", prepare={"min_side": 192})
    rows = read_manifest(manifest)
    assert [row.image for row in rows] == ["chelsea", "coffee", "rocket", "flower"]
    assert all(row.status == "kept" and row.licence for row in rows)
    assert hashlib.sha256(manifest.read_bytes()).hexdigest()[:16] == "bea4399e1bc1756a"


def test_changed_or_missing_files_are_noticed(tmp_path):
    manifest = build(fill(tmp_path / "in"), tmp_path / "out")
    image = tmp_path / "out/images/p1.png"
    write_png(image, photograph("else"))
    for _ in range(2):
        with pytest.raises(DatasetError, match=r"p1\.png"):
            list(kept_images(manifest))
        image.unlink(missing_ok=True)
    content = manifest.read_bytes().replace(b",%d," % read_manifest(manifest)[0].height, b",20,")
    manifest.unlink()
    for bad in (None, (b"image,", b"picture,"), (b",20,", b",high,"), (b"a", b"\xff")):
        if bad is not None:
            manifest.write_bytes(content.replace(*bad))
        with pytest.raises(DatasetError) as caught:
            read_manifest(manifest)
        assert str(caught.value).startswith(f"{manifest}: ")


def prepared(image, name, preparation=None):
    preparation = preparation or Preparation(min_side=32)
    factor = choose_factor(*image.shape[:2], name, 0, preparation)
    return prepare_image(image, factor, name, preparation)


def grey(height, width, level=100):
    return np.full((height, width, 3), level, np.uint8)


@given(
    st.integers(1, 3000), st.integers(1, 3000), st.text(), st.integers(0, 9), st.integers(1, 600)
)
def test_a_kept_size_obeys_both_limits(h, w, name, copy, side):
    preparation = Preparation(min_side=side)
    if min(h, w) * 4 < side * 5:  # 0.8 in integers
        with pytest.raises(PictureError, match=f"{min(h, w)} px"):
            choose_factor(h, w, name, copy, preparation)
    else:
        factor = choose_factor(h, w, name, copy, preparation)
        assert round(min(h, w) * factor) >= side
        assert factor <= 0.8 + 1e-12


def test_factor_is_a_fixed_function_of_seed_name_and_copy():
    digest = hashlib.sha256(b"7\n2\ncaf\xc3\xa9.png").digest()
    wanted = 0.5 + int.from_bytes(digest[:6], "big") / 2**48 * (0.8 - 0.5)
    preparation = Preparation(min_side=100, seed=7)
    for name in ("caf\u00e9.png", "cafe\u0301.png"):  # macOS stores the accent apart
        assert choose_factor(200, 300, name, 2, preparation) == wanted


def test_a_side_is_exact_and_ignores_the_random_factor():
    longer, shorter = Preparation(longer_side=48), Preparation(shorter_side=48)
    for before, after in (((95, 78), (48, 39)), ((1, 480), (1, 48)), ((48, 48), (48, 48))):
        assert prepared(grey(*before), "a", longer).shape == (*after, 3)
    for before, after in (((95, 78), (58, 48)), ((24, 40), (48, 80))):  # the second is enlarged
        assert prepared(grey(*before), "a", shorter).shape == (*after, 3)
    with pytest.raises(PictureError, match="47 px"):
        choose_factor(47, 47, "a", 0, longer)
    assert deviations(shorter) == ["prepare.shorter_side: 48 instead of None"]


def test_squares_are_averages_of_boxes_at_random_places():
    preparation = Preparation(square=8, max_value=1, max_saturation=1, copies=3)
    image = np.stack([*np.indices((40, 70), np.uint8), smooth(40, 70)[..., 2]], -1)  # its places
    places = set()
    for copy in range(3):
        factor = choose_factor(40, 70, "a", copy, preparation)
        side = round(8 / factor)
        assert 16 <= side <= 40
        made = prepare_image(image, factor, f"a__{copy}", preparation)
        assert made.shape == (8, 8, 3)
        top, left = (made[0, 0, :2] - (side / 8 - 1) / 2).round()
        assert 0 <= top <= 40 - side
        assert 0 <= left <= 70 - side
        assert abs(made[..., 0] - (top + (np.arange(8)[:, None] + 0.5) * side / 8 - 0.5)).max() <= 1
        places.add((side, top, left))
    assert len(places) == 3
    with pytest.raises(PictureError, match="15 px"):
        choose_factor(15, 70, "a", 0, preparation)


def test_bright_and_saturated_images_are_dropped_with_their_figures():
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 100
    for image, figures in ((red, r"saturation 1\.000 > 0\.9"), (grey(64, 64, 205), "0.804 > 0.8")):
        with pytest.raises(PictureError, match=figures):
            prepared(image, "a")
    assert prepared(grey(64, 64, 204), "edge").max() == 204  # exactly 0.8 is kept


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_side": 0},
        {"max_factor": 1.1},
        {"longer_side": 100, "copies": 2},
        {"square": 32, "full_size": True},
        {"shorter_side": 100, "copies": 2},
        {"shorter_side": 100, "longer_side": 100},
        {"min_sid": 5},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Preparation.model_validate(wrong)
