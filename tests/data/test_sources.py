"""Folders as users have them: hidden files, links, odd names; built-in sources; the catalogue."""

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l3c.data import DatasetError, sources
from l3c.data.images import write_png
from l3c.data.sources import (
    ImageSet,
    embedded_photos,
    folder_photos,
    read_catalogue,
    source_state,
    unique_names,
)
from l3c.files import Found

PIXELS = np.zeros((3, 5, 3), np.uint8)


def found(folder):
    return [photo.source for photo in folder_photos(folder)]


def test_each_folder_is_searched_once_and_the_rest_is_counted_in_one_line(tmp_path, capsys):
    for folder in ("in/b/c", "in/.git", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    seen = ["a.tif", "b.HEIC", "b/10.Jpeg", "b/c/2.png", "z.PNG"]  # the second is never read
    for name in (*seen, ".hidden.png", ".git/b.png", "README.md", "x.md", "Makefile"):
        (tmp_path / "in" / name).touch()
    (tmp_path / "elsewhere" / "e.PNG").touch()
    links = {"a": "in/b", "here": "elsewhere", "there": "elsewhere", "round": "in", "up": "."}
    for link, target in links.items():
        (tmp_path / "in" / link).symlink_to(tmp_path / target)
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "in" / "b")
    assert found(tmp_path / "in") == sorted([*seen, "here/e.PNG"])
    words = "5 folder linked again, 2 .md, 2 hidden, 1 no suffix"
    assert words in capsys.readouterr().err
    assert found(tmp_path / "in" / "a") == ["10.Jpeg", "c/2.png"]


def test_a_useless_folder_is_one_line_that_names_it(tmp_path, monkeypatch):
    for folder in ("empty", "texts"):
        (tmp_path / folder).mkdir()
    for file in ("file", "texts/a.txt"):
        (tmp_path / file).touch()
    for name, words in (("missing", ""), ("file", ""), ("empty", ""), ("texts", "1 .txt")):
        with pytest.raises(DatasetError) as caught:
            found(tmp_path / name)
        assert re.match(f"{tmp_path / name}: .*{words}", str(caught.value))
        assert "\n" not in str(caught.value)
    locked = Found([tmp_path / "a.png"], locked={tmp_path / "locked": "Permission denied"})
    monkeypatch.setattr(sources, "find_files", lambda *_: locked)
    with pytest.raises(DatasetError, match="locked: "):  # no silent gap
        found(tmp_path)


@given(st.sets(st.text(min_size=1, max_size=30), max_size=20))
def test_names_are_unique_safe_and_free_of_order(paths):
    names = unique_names(sorted(paths))
    assert len({name.lower() for name in names.values()}) == len(paths)
    assert all(re.fullmatch(r"[a-zA-Z0-9][\w-]*", name, re.ASCII) for name in names.values())
    assert unique_names(sorted(paths, reverse=True)) == names


def test_embedded_photographs_are_there_and_split_by_scene():
    train, test = embedded_photos("train"), embedded_photos("test")
    assert (len(train), len(test)) == (8, 4)
    assert {*embedded_photos("motorcycle")} < {*train}  # both pictures of a stereo pair
    assert all(photo.licence for photo in train + test)
    (photo,) = embedded_photos("cat")
    assert (photo.name, photo.source) == ("chelsea", "skimage/data/chelsea.png")
    assert photo.read().shape == (300, 451, 3)
    with pytest.raises(DatasetError, match=r"astronaut, .*, cat, "):
        embedded_photos("dog")


@pytest.mark.parametrize(("package", "install"), [("skimage", "scikit-image"), ("gone", "gone")])
def test_a_missing_package_or_file_says_what_to_install(monkeypatch, package, install):
    row = {"subset": "test", "scene": "", "file": f"{package}/data/gone.png", "licence": ""}
    monkeypatch.setattr(sources.csv, "DictReader", lambda *_, **__: [row])
    with pytest.raises(DatasetError, match=install):
        embedded_photos("test")


def rewrite(folder):
    """Other content of the same size and time, as `rsync --inplace --times` leaves it."""
    before = (folder / "a.png").stat()
    time.sleep(0.02)  # the clock of a file system ticks in milliseconds
    content = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(content[::-1])
    os.utime(folder / "a.png", ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "added": lambda folder: write_png(folder / "sub" / "new.png", PIXELS),
    "removed": lambda folder: (folder / "b.png").unlink(),
    "renamed": lambda folder: (folder / "b.png").rename(folder / "c.png"),
    "rewritten": rewrite,
    "readable again": lambda folder: (folder / "odd.png").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen_beside_what_cannot_be_read(tmp_path, change):
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, PIXELS)
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "odd.png").symlink_to("nowhere.png")
    before = source_state(str(tmp_path))
    assert source_state(str(tmp_path)) == before
    CHANGES[change](tmp_path)
    assert source_state(str(tmp_path)) != before


OURS = Path(__file__).parents[2] / "config" / "datasets.tsv"


def test_every_set_of_ours_has_an_edition_a_licence_and_urls():
    catalogue = read_catalogue(OURS)
    assert len(catalogue) == len(OURS.read_text().splitlines()) - 1
    for image_set in catalogue.values():
        assert image_set.title
        assert image_set.licence
        assert all(url.startswith(("http://", "https://")) for url in image_set.urls)
    unknown = {name for name, each in catalogue.items() if not each.checksums}
    assert unknown == {"raise-1k", "open-images-500"}
    assert len(catalogue["kodak"].urls) == 24
    assert catalogue["open-images-500"].urls[0].endswith("/val_oi_500_r.tar.gz")
    assert [url[-11:] for url in catalogue["kodak"].urls[8:10]] == ["kodim09.png", "kodim10.png"]
    assert {"small", "box"} <= {part for name in catalogue for part in name.split("-")}


@pytest.mark.parametrize(
    "cells",
    [
        {"checksums": "md5:" + "1" * 32, "urls": "http://a/1.zip http://a/2.zip"},
        {"checksums": "sha256:12"},
        {"checksums": "crc32:12345678"},
        {"urls": ""},
        {"published_as": None},
    ],
)
def test_a_bad_row_is_named(tmp_path, cells):
    good = {"name": "x", "title": "X", "licence": "free", "urls": "http://a/b.zip", "checksums": ""}
    good |= {"images_from": "", "published_as": ""}
    path = tmp_path / "datasets.tsv"
    for row in (good, good | cells):
        line = "\t".join(cell for cell in row.values() if cell is not None)
        path.write_text("\ufeff" + "\t".join(good) + f"\n{line}\n")
        if row is good:
            assert list(read_catalogue(path)) == ["x"]
    with pytest.raises(DatasetError) as caught:
        read_catalogue(path)
    assert str(caught.value).startswith(f"{path}, line 2: ")


def test_another_licence_fetches_nothing_again():
    first = ImageSet(name="toy", urls=("http://a/b.zip",), images_from="TIFF")
    assert ImageSet(**first.model_copy(update={"licence": "CC0"}).fetched()) == first
    changed = first.model_copy(update={"checksums": ("md5:" + "1" * 32,)})
    assert changed.fetched() != first.fetched()
