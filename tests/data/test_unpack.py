"""Archives to folders: whole or not at all, nothing outside, batches of ImageNet as images."""

from __future__ import annotations

import errno
import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from tiny_models import noise

from l3c.data import DatasetError
from l3c.data.fetching import unpack
from l3c.data.images import read_rgb

# Incompressible, so that an archive cut in the middle is cut in a member.
FILES = {f"set/{i}/{i}.bin": np.random.default_rng(i).bytes(9000 + i) for i in range(5)}
KINDS = {".zip": "", ".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.xz": "w:xz"}


def pack(path: Path, files: Mapping[str, bytes], **member: object) -> Path:
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


def unpacked(archive: Path) -> dict[str, bytes]:
    """Files of a folder into which an archive is unpacked."""
    folder = archive.parent / "out"
    unpack(archive, folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def refuse(archive: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        unpack(archive, archive.parent / "out")
    assert str(caught.value).startswith(f"{archive}: ")
    assert "\n" not in str(caught.value)
    assert os.listdir(archive.parent) == [archive.name]


@pytest.mark.parametrize("kind", KINDS)
def test_files_come_out_below_their_paths(tmp_path: Path, kind: str) -> None:
    archive = pack(tmp_path / f"a{kind}", FILES | {"./dot/x": b"", "top": b"x"})
    (tmp_path / ".out.part" / "set").mkdir(parents=True)  # of a run that was killed
    (tmp_path / ".out.part" / "set" / "half").touch()
    assert unpacked(archive) == FILES | {"dot/x": b"", "top": b"x"}
    assert sorted(os.listdir(tmp_path)) == [archive.name, "out"]
    archive.unlink()
    assert unpacked(archive).keys() > FILES.keys()  # there is nothing more to do


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_archive_is_said(tmp_path: Path, kind: str) -> None:
    archive = pack(tmp_path / f"a{kind}", FILES)
    content = archive.read_bytes()
    cuts = [0, 480, 43_200]
    for cut in cuts:
        archive.write_bytes(content[:cut])
        refuse(archive)


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tgz"])
def test_damage_anywhere_is_an_error_of_the_archive(tmp_path: Path, kind: str) -> None:
    content = pack(tmp_path / f"a{kind}", {"a": b"abc" * 50, "b/c": b"d"}).read_bytes()
    archive = tmp_path / f"damaged{kind}"
    random = np.random.default_rng(0)
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
def test_nothing_is_written_outside(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / "in").mkdir()
    archive = pack(tmp_path / "in" / f"a{kind}", {name: b"evil"})
    with suppress(DatasetError):
        unpack(archive, tmp_path / "in" / "out")
    assert os.listdir(tmp_path) == ["in"]
    assert set(os.listdir(tmp_path / "in")) <= {archive.name, "out"}
    assert not Path("/tmp/evil-of-l3c").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_that_lead_out_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    refuse(pack(tmp_path / "a.tar", {"odd": b""}, type=kind, linkname="../outside"))


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: io.BytesIO, file: io.BytesIO, *length: int) -> None:
        file.write(b"some")
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = pack(tmp_path / "a.zip", FILES)
    monkeypatch.setattr(shutil, "copyfileobj", full)
    refuse(archive)
    monkeypatch.undo()
    assert unpacked(archive) == FILES


def batch(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("side", [32, 64])
def test_batches_become_images(tmp_path: Path, side: int) -> None:
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
def test_another_batch_is_refused(tmp_path: Path, content: bytes) -> None:
    refuse(pack(tmp_path / "a.zip", {"x.npz": content}))
