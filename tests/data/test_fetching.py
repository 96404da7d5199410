"""From URLs to a folder of files and their list: archives, single images, lists of URLs."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock
from tiny_models import noise

from l3c.data import DatasetError, fetching
from l3c.data.fetching import fetch_set
from l3c.data.images import read_rgb, write_png
from l3c.data.sources import FILES, ImageSet


def image_set(*urls: Path | str, images_from: str = "") -> ImageSet:
    return ImageSet(name="toy", urls=tuple(map(str, urls)), images_from=images_from)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "published"
    folder.mkdir()
    paths = [folder / "a.png", folder / "b.png"]
    for index, path in enumerate(paths):
        write_png(path, noise(8, 9 + index, 3))
    return paths


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def listed(path: Path) -> dict[str, str]:
    return {row["path"]: row["sha256"] for row in csv.DictReader(io.StringIO(path.read_text()))}


def test_single_images_are_listed_with_their_hashes(images: list[Path], tmp_path: Path) -> None:
    result = fetch_set(image_set(*images), tmp_path / "out")
    assert listed(result) == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in images
    }
    assert read_rgb(tmp_path / "out" / FILES / "b.png").shape == (8, 10, 3)


def test_an_archive_is_unpacked_below_its_name_and_removed(
    images: list[Path], tmp_path: Path
) -> None:
    members = {"photos/a.png": images[0].read_bytes(), "README": b"hello"}
    members |= {"unreadable.heic": b"any", "empty.png": b""}
    archive = zipped(tmp_path / "set.zip", members)
    before = archive.stat()
    result = fetch_set(image_set(archive), tmp_path / "out")
    names = ["set/empty.png", "set/photos/a.png", "set/unreadable.heic"]
    assert sorted(listed(result)) == names
    assert archive.stat().st_nlink == before.st_nlink  # the user's own is left alone
    assert not (tmp_path / "out" / "archives").exists()


def test_a_list_of_urls_is_followed(images: list[Path], tmp_path: Path) -> None:
    table = "File,TIFF\n" + "".join(f"{path.stem},{path}\n" for path in images)
    archive = zipped(tmp_path / "list.zip", {"list.csv": table.encode()})
    result = fetch_set(image_set(archive, images_from="TIFF"), tmp_path / "out")
    assert list(listed(result)) == ["a.png", "b.png"]


def refuse(image_set: ImageSet, tmp_path: Path, *words: str) -> None:
    with pytest.raises(DatasetError) as caught:
        fetch_set(image_set, tmp_path / "out")
    assert [word for word in ("toy: ", *words) if word not in str(caught.value)] == []


def test_two_urls_of_one_file_name_are_refused(images: list[Path], tmp_path: Path) -> None:
    twin = tmp_path / "other" / "a.png"
    twin.parent.mkdir()
    write_png(twin, noise(5, 5, 3))
    refuse(image_set(*images, twin), tmp_path, "2", "a.png")
    table = "TIFF\n" + "".join(f"{path}\n" for path in (images[0], images[0], twin))
    archive = zipped(tmp_path / "list.zip", {"list.csv": table.encode()})
    refuse(image_set(archive, images_from="TIFF"), tmp_path, "2", "a.png")


def test_what_an_archive_held_before_is_removed(images: list[Path], tmp_path: Path) -> None:
    archive = zipped(tmp_path / "set.zip", {"old.png": images[0].read_bytes()})
    first = fetch_set(image_set(archive), tmp_path / "out")
    assert listed(first).keys() == {"set/old.png"}
    kept = (tmp_path / "out" / FILES / "set" / "old.png").stat()
    fetch_set(image_set(archive), tmp_path / "out")
    assert (tmp_path / "out" / FILES / "set" / "old.png").stat() == kept
    other = zipped(tmp_path / "other.zip", {"b.png": images[1].read_bytes()})
    assert listed(fetch_set(image_set(other), tmp_path / "out")).keys() == {"other/b.png"}


def test_an_interrupted_set_continues_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []

    def fetch(url: str, target: Path, checksum: str | None) -> Path:
        fetched.append(target.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if len(fetched) == 2:
            target.write_bytes(b"broken")
            return target
        return zipped(target, {target.stem: url.encode()})

    monkeypatch.setattr(fetching, "fetch", fetch)
    both = image_set("http://host/a.zip", "http://host/b.png.zip")
    with pytest.raises(DatasetError):
        fetch_set(both, tmp_path / "out")
    assert listed(fetch_set(both, tmp_path / "out")).keys() == {"b.png/b.png"}
    assert fetched == ["a.zip", "b.png.zip", "b.png.zip"]
    assert (tmp_path / "out" / FILES / "a" / "a").read_text() == "http://host/a.zip"


def test_two_runs_that_share_a_folder_take_turns(images: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    run = threading.Thread(target=fetch_set, args=(image_set(*images), tmp_path / "out"))
    with FileLock(tmp_path / "out" / "fetch.lock"):
        run.start()
        run.join(0.3)
        assert os.listdir(tmp_path / "out") == ["fetch.lock"]
    run.join()
    assert (tmp_path / "out" / "files.csv").exists()
