"""From URLs to a folder of files and their list: archives, single images, lists of URLs.

Archives are unpacked whole or not at all, nothing outside, batches of ImageNet as images.
"""

import csv
import errno
import hashlib
import io
import os
import shutil
import tarfile
import threading
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from tiny_models import noise

from l3c.data import DatasetError, fetching
from l3c.data.fetching import fetch_set, unpack
from l3c.data.images import read_rgb, write_png
from l3c.data.sources import FILES, ImageSet


def image_set(*urls, images_from=""):
    return ImageSet(name="toy", urls=tuple(map(str, urls)), images_from=images_from)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    paths = [folder / "a.png", folder / "b.png"]
    for index, path in enumerate(paths):
        write_png(path, noise(8, 9 + index, 3))
    return paths


KINDS = {".zip": "", ".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.xz": "w:xz"}


def pack(path, files, **member):
    """An archive with a folder and files; `member` are attributes of these files in a tar."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.mkdir("set")
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, KINDS["".join(path.suffixes[-2:])]) as tar:
        folder = tarfile.TarInfo("set")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in member.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content))
    return path


def listed(path):
    return {row["path"]: row["sha256"] for row in csv.DictReader(io.StringIO(path.read_text()))}


def test_an_archive_is_unpacked_below_its_name_and_removed(images, tmp_path):
    members = {"photos/a.png": images[0].read_bytes(), "README": b"hello"}
    members |= {"unreadable.heic": b"any", "empty.png": b""}
    archive = pack(tmp_path / "set.zip", members)
    before = archive.stat()
    result = fetch_set(image_set(archive), tmp_path / "out")
    names = ["set/empty.png", "set/photos/a.png", "set/unreadable.heic"]
    assert sorted(listed(result)) == names
    assert archive.stat().st_nlink == before.st_nlink  # the user's own is left alone
    assert not (tmp_path / "out" / "archives").exists()


def test_a_list_of_urls_is_followed_and_images_are_listed_with_their_hashes(images, tmp_path):
    table = "File,TIFF\n" + "".join(f"{path.stem},{path}\n" for path in images)
    archive = pack(tmp_path / "list.zip", {"list.csv": table.encode()})
    result = fetch_set(image_set(archive, images_from="TIFF"), tmp_path / "out")
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in images}
    assert listed(result) == hashes


def test_two_urls_of_one_file_name_are_refused(images, tmp_path):
    table = "\n".join(map(str, ["TIFF", images[0], images[0], "http://host/a.png"]))
    archive = pack(tmp_path / "list.zip", {"list.csv": table.encode()})
    for wrong in (image_set(*images, "other/a.png"), image_set(archive, images_from="TIFF")):
        with pytest.raises(DatasetError, match=r"^toy: 2 .*a\.png"):
            fetch_set(wrong, tmp_path / "out")


def test_what_an_archive_held_before_is_removed(tmp_path):
    archive, other = (pack(tmp_path / f"{name}.zip", {"x.png": b""}) for name in ("set", "other"))
    assert listed(fetch_set(image_set(archive), tmp_path / "out")).keys() == {"set/x.png"}
    kept = (tmp_path / "out" / FILES / "set" / "x.png").stat()
    fetch_set(image_set(archive), tmp_path / "out")
    assert (tmp_path / "out" / FILES / "set" / "x.png").stat() == kept
    assert listed(fetch_set(image_set(other), tmp_path / "out")).keys() == {"other/x.png"}


def test_an_interrupted_set_continues_where_it_stopped(tmp_path, monkeypatch):
    fetched = []

    def fetch(url, target, checksum):
        fetched.append(target.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if len(fetched) == 2:
            target.write_bytes(b"broken")
            return target
        return pack(target, {target.stem: url.encode()})

    monkeypatch.setattr(fetching, "fetch", fetch)
    both = image_set("http://host/a.zip", "http://host/b.png.zip")
    with pytest.raises(DatasetError):
        fetch_set(both, tmp_path / "out")
    assert listed(fetch_set(both, tmp_path / "out")).keys() == {"b.png/b.png"}
    assert fetched == ["a.zip", "b.png.zip", "b.png.zip"]
    assert (tmp_path / "out" / FILES / "a" / "a").read_text() == "http://host/a.zip"


def test_two_runs_that_share_a_folder_take_turns(images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    run = threading.Thread(target=fetch_set, args=(image_set(*images), out))
    with FileLock(out / "fetch.lock"):
        run.start()
        run.join(0.3)
        assert os.listdir(out) == ["fetch.lock"]
    run.join()
    assert (out / "files.csv").exists()


# Incompressible, so that an archive cut in the middle is cut in a member.
MEMBERS = {f"set/{i}/{i}.bin": np.random.default_rng(i).bytes(9000 + i) for i in range(5)}


def unpacked(archive):
    """Files of a folder into which an archive is unpacked."""
    folder = archive.parent / "out"
    unpack(archive, folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def refuse_archive(archive):
    with pytest.raises(DatasetError) as caught:
        unpack(archive, archive.parent / "out")
    assert str(caught.value).startswith(f"{archive}: ")
    assert "\n" not in str(caught.value)
    assert os.listdir(archive.parent) == [archive.name]


@pytest.mark.parametrize("kind", KINDS)
def test_files_come_out_below_their_paths_or_not_at_all(tmp_path, kind):
    archive = pack(tmp_path / f"a{kind}", MEMBERS | {"./dot/x": b"", "top": b"x"})
    content = archive.read_bytes()
    for cut in (0, 480, 43_200):
        archive.write_bytes(content[:cut])
        refuse_archive(archive)
    archive.write_bytes(content)
    (tmp_path / ".out.part" / "set").mkdir(parents=True)  # of a run that was killed
    (tmp_path / ".out.part" / "set" / "half").touch()
    assert unpacked(archive) == MEMBERS | {"dot/x": b"", "top": b"x"}
    assert sorted(os.listdir(tmp_path)) == [archive.name, "out"]


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tgz"])
def test_damage_anywhere_is_an_error_of_the_archive(tmp_path, kind):
    archive = pack(tmp_path / f"a{kind}", {"a": b"abc" * 50, "b/c": b"d"})
    content, random = archive.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for place in random.integers(len(content), size=3):
            damaged[place] ^= 1 << int(random.integers(8))
        archive.write_bytes(damaged)
        with suppress(DatasetError):  # and no other; names and pixels have no checksum in a tar
            unpack(archive, tmp_path / "out")
        shutil.rmtree(tmp_path / "out", ignore_errors=True)


@pytest.mark.parametrize("kind", [".zip", ".tar"])
@pytest.mark.parametrize("name", ["/tmp/evil-of-l3c", "../evil", "set/../../evil", "..\\evil"])
def test_nothing_is_written_outside(tmp_path, kind, name):
    (tmp_path / "in").mkdir()
    archive = pack(tmp_path / "in" / f"a{kind}", {name: b"evil"})
    with suppress(DatasetError):
        unpack(archive, tmp_path / "in" / "out")
    assert os.listdir(tmp_path) == ["in"]
    assert set(os.listdir(tmp_path / "in")) <= {archive.name, "out"}
    assert not Path("/tmp/evil-of-l3c").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_that_lead_out_and_devices_are_refused(tmp_path, kind):
    refuse_archive(pack(tmp_path / "a.tar", {"odd": b""}, type=kind, linkname="../outside"))


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(source, file, *length):
        file.write(b"some")
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = pack(tmp_path / "a.zip", MEMBERS)
    monkeypatch.setattr(shutil, "copyfileobj", full)
    refuse_archive(archive)
    monkeypatch.undo()
    assert unpacked(archive) == MEMBERS


def batch(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("side", [32, 64])
def test_batches_become_images(tmp_path, side):
    images = noise(4, side, side, 3)
    rows = images.transpose(0, 3, 1, 2).reshape(4, -1)
    content = batch(data=rows, labels=np.arange(4), mean=np.zeros(3 * side * side))
    files = unpacked(pack(tmp_path / "a.zip", {"sub/val.data.npz": content, "._x.npz": b"mac"}))
    names = [f"sub/val.data/{index:07}.png" for index in range(4)]
    assert sorted(files) == ["._x.npz", *names]
    for name, image in zip(names, images, strict=True):
        assert np.array_equal(read_rgb(tmp_path / "out" / name), image)


DATA = np.zeros((2, 3072), np.uint8)
LABELS = np.zeros(2, np.int64)


@pytest.mark.parametrize(
    "content",
    [
        batch(data=DATA.astype(np.float32), labels=LABELS),
        batch(data=DATA[:, :768], labels=LABELS),
        batch(data=np.array([None, 1]), labels=LABELS),
        batch(data=DATA, labels=LABELS)[:3000],
    ],
)
def test_another_batch_is_refused(tmp_path, content):
    refuse_archive(pack(tmp_path / "a.zip", {"x.npz": content}))
