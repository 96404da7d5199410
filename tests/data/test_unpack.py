"""Archives to folders: continued, checked, nothing outside, batches of ImageNet as images."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from tiny_models import noise

from l3c.data import unpack as module
from l3c.data.images import read_rgb
from l3c.data.unpack import UnpackError, unpack

# Incompressible, so that an archive cut in the middle is cut in a member.
FILES = {f"set/{i}/{i}.bin": np.random.default_rng(i).bytes(9000 + i) for i in range(5)}
HIDDEN = {"set/._0.bin": b"mac", "__MACOSX/set/0.bin": b"mac", ".DS_Store": b"mac"}
KINDS = [".zip", ".tar", ".tar.gz", ".tgz"]


def pack(path: Path, files: Mapping[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.mkdir("set")
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as tar:
            folder = tarfile.TarInfo("set")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def found(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def undo(archive: Path, folder: Path) -> int:
    return unpack(archive, folder, progress=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize("kind", KINDS)
def test_files_come_out_below_their_paths(tmp_path: Path, folder: Path, kind: str) -> None:
    archive = pack(tmp_path / f"a.v1{kind}", FILES | HIDDEN | {"./dot/x": b"", "top": b"x"})
    assert undo(archive, folder) == 7
    assert found(folder) == FILES | {"dot/x": b"", "top": b"x"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_run_writes_what_is_missing_or_short(
    tmp_path: Path, folder: Path, kind: str
) -> None:
    archive = pack(tmp_path / f"a{kind}", FILES)
    undo(archive, folder)
    missing, short, kept, *_ = (folder / name for name in FILES)
    missing.unlink()
    short.write_bytes(b"short")
    kept.write_bytes(bytes(kept.stat().st_size))  # told by its size alone
    assert undo(archive, folder) == 5
    assert found(folder) == FILES | {"set/2/2.bin": kept.read_bytes()}
    assert not any(kept.read_bytes())


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_keeps_what_is_there(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    archive = pack(tmp_path / f"a{kind}", FILES)
    written: list[object] = []
    copy = shutil.copyfileobj

    def fill(source: io.BytesIO, file: io.BytesIO, length: int) -> None:
        written.append(file)
        if len(written) == 3:
            file.write(b"some")
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, file, length)

    monkeypatch.setattr(module.shutil, "copyfileobj", fill)
    with pytest.raises(
        UnpackError, match=rf"a{kind}: the disk of .*out is full; make room; what is unpacked is"
    ):
        undo(archive, folder)
    assert len(found(folder)) == 2
    assert undo(archive, folder) == 5
    assert len(written) == 6  # the two were not written again
    assert found(folder) == FILES


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9])
def test_a_cut_archive_is_said(tmp_path: Path, folder: Path, kind: str, share: float) -> None:
    archive = pack(tmp_path / f"a{kind}", FILES)
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * 48_000)])
    with pytest.raises(
        UnpackError, match=rf"a{kind}: broken or cut off \(.*\); delete it"
    ) as error:
        undo(archive, folder)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(" so that it is fetched again")
    assert found(folder).items() <= FILES.items()
    archive.write_bytes(content)
    assert undo(archive, folder) == 5
    assert found(folder) == FILES


@pytest.mark.parametrize("cut", [0, 100])
def test_a_tar_cut_between_two_members_is_said(tmp_path: Path, folder: Path, cut: int) -> None:
    archive = pack(tmp_path / "a.tar", FILES)
    with tarfile.open(archive) as tar:
        header = tar.getmember("set/3/3.bin").offset
    archive.write_bytes(archive.read_bytes()[: header + cut])
    with pytest.raises(UnpackError, match=rf"broken or cut off \(.* after {header} bytes\)"):
        undo(archive, folder)


def test_a_wrong_checksum_in_a_zip_leaves_no_file(tmp_path: Path, folder: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("good.bin", b"good")
        packed.writestr("bad.bin", b"original")
    archive.write_bytes(archive.read_bytes().replace(b"original", b"0riginal"))
    with pytest.raises(UnpackError, match=r"Bad CRC-32 for file 'bad\.bin'\); delete it so that"):
        undo(archive, folder)
    assert found(folder) == {"good.bin": b"good"}


def test_a_wrong_checksum_of_a_gz_makes_its_files_doubtful(tmp_path: Path, folder: Path) -> None:
    archive = pack(tmp_path / "a.tgz", FILES)
    content = bytearray(archive.read_bytes())
    content[-5] ^= 1
    archive.write_bytes(content)
    with pytest.raises(UnpackError, match=r"CRC check failed .*delete it, and .*out, whose files"):
        undo(archive, folder)


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tgz"])
def test_damage_anywhere_is_an_error_of_the_archive(
    tmp_path: Path, folder: Path, kind: str
) -> None:
    content = pack(tmp_path / f"a{kind}", {"a": b"abc" * 50, "b/c": b"d"}).read_bytes()
    archive = tmp_path / f"damaged{kind}"
    random = np.random.default_rng(0)
    for _ in range(120):
        damaged = bytearray(content)
        for place in random.integers(len(content), size=3):
            damaged[place] ^= 1 << int(random.integers(8))
        archive.write_bytes(damaged)
        with suppress(UnpackError):  # and no other; names and pixels have no checksum in a tar
            undo(archive, folder)


@pytest.mark.parametrize("kind", [".zip", ".tar"])
@pytest.mark.parametrize("name", ["/tmp/evil", "../evil", "set/../../evil", "../.evil", "..\\evil"])
def test_paths_that_lead_out_are_refused(
    tmp_path: Path, folder: Path, kind: str, name: str
) -> None:
    archive = pack(tmp_path / f"a{kind}", {"good": b"x", name: b"evil"})
    with pytest.raises(UnpackError) as error:
        undo(archive, folder)
    assert str(error.value) == (
        f"{archive}: {name}: a path that may lead out of the folder; "
        "unpack by hand what is wanted of the archive"
    )
    assert found(tmp_path).keys() == {archive.name, "out/good"}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.FIFOTYPE, "a device"),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(
    tmp_path: Path, folder: Path, kind: bytes, said: str
) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        info = tarfile.TarInfo("odd")
        info.type, info.linkname = kind, "inside"
        tar.addfile(info)
    with pytest.raises(UnpackError, match=rf"a\.tar: odd: {said}; unpack by hand"):
        undo(tmp_path / "a.tar", folder)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(("mode", "said"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "a device")])
def test_links_and_devices_in_a_zip_are_refused(
    tmp_path: Path, folder: Path, mode: int, said: str
) -> None:
    info = zipfile.ZipInfo("odd")
    info.external_attr = (mode | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(info, "/etc/passwd")
    with pytest.raises(UnpackError, match=rf"a\.zip: odd: {said}; unpack by hand"):
        undo(tmp_path / "a.zip", folder)


def test_links_in_the_folder_are_not_followed_out(tmp_path: Path, folder: Path) -> None:
    archive = pack(tmp_path / "a.zip", FILES)
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    (folder / "set").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnpackError, match=r"0\.bin: .*out/set/0 is a link that leads out of the"):
        undo(archive, folder)
    assert os.listdir(tmp_path / "elsewhere") == []
    # A file in place of which there is a link is written; the link's end stays as it is.
    (folder / "set").unlink()
    (folder / "set/0").mkdir(parents=True)
    (tmp_path / "mine").write_bytes(b"mine")
    (folder / "set/0/0.bin").symlink_to(tmp_path / "mine")
    assert undo(archive, folder) == 5
    assert found(folder) == FILES
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_what_is_no_archive_is_said(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UnpackError, match=r"a\.rar: no archive by its name; name one that ends in"):
        undo(tmp_path / "a.rar", folder)
    with pytest.raises(UnpackError, match=r"a\.zip: no such file; fetch it first"):
        undo(tmp_path / "a.zip", folder)
    for kind in KINDS:
        (tmp_path / f"a{kind}").write_text("<html>a page</html>" * 100)
        with pytest.raises(UnpackError, match=rf"a{kind}: broken or cut off"):
            undo(tmp_path / f"a{kind}", folder)
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(UnpackError, match=r"cannot read or write .*folder"):
        undo(pack(tmp_path / "good.zip", FILES), tmp_path / "folder")


def test_progress_is_in_megabytes_of_the_archive(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = pack(tmp_path / "a.tar", {"a": bytes(1_500_000), "b": bytes(1_500_000)})
    unpack(archive, folder)
    assert "unpacking a.tar: 3/3 megabytes" in capsys.readouterr().err
    undo(archive, folder)
    assert capsys.readouterr().err == ""


def batch(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def rows(images: list[np.ndarray]) -> np.ndarray:
    return np.stack([image.transpose(2, 0, 1).reshape(-1) for image in images])


@pytest.mark.parametrize("side", [32, 64])
def test_batches_become_images(tmp_path: Path, folder: Path, side: int) -> None:
    images = list(noise(4, side, side, 3))
    content = batch(data=rows(images), labels=np.arange(4), mean=np.zeros(3 * side * side))
    archive = pack(tmp_path / "a.zip", {"sub/val.data.npz": content, "readme.txt": b"x"})
    assert undo(archive, folder) == 5
    for index, image in enumerate(images):
        assert np.array_equal(read_rgb(folder / f"sub/val.data/{index:07}.png"), image)
    assert len(found(folder)) == 5
    # Continued: what is there is not written again.
    (folder / "sub/val.data/0000001.png").unlink()
    (folder / "sub/val.data/0000003.png").write_bytes(b"")  # as after a power cut
    (folder / "sub/val.data/0000002.png").write_bytes(b"mine")
    assert undo(archive, folder) == 5
    assert np.array_equal(read_rgb(folder / "sub/val.data/0000001.png"), images[1])
    assert np.array_equal(read_rgb(folder / "sub/val.data/0000003.png"), images[3])
    assert (folder / "sub/val.data/0000002.png").read_bytes() == b"mine"


DATA = np.zeros((2, 3072), np.uint8)
LABELS = np.zeros(2, np.int64)


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (batch(data=DATA.astype(np.float32), labels=LABELS), r"data float32 \(2, 3072\)"),
        (batch(data=DATA[:, :768], labels=LABELS), r"data uint8 \(2, 768\)"),
        (batch(data=DATA.reshape(2, 3, 32, 32), labels=LABELS), r"data uint8 \(2, 3, 32, 32\)"),
        (batch(data=np.asfortranarray(DATA), labels=LABELS), r"data uint8 \(2, 3072\) by columns"),
        (batch(data=np.array([None, 1]), labels=LABELS), r"data object \(2,\)"),
        (batch(data=DATA), r".*no item named 'labels\.npy'"),
        (batch(other=DATA, labels=LABELS), r".*no item named 'data\.npy'"),
        (b"no zip at all", "File is not a zip file"),
    ],
)
def test_another_batch_is_refused(tmp_path: Path, folder: Path, content: bytes, got: str) -> None:
    archive = pack(tmp_path / "a.zip", {"x.npz": content})
    with pytest.raises(
        UnpackError,
        match=r"a\.zip: x\.npz: expected a batch of data uint8 \(N, 3072\) or \(N, 12288\), and "
        rf"labels, got {got}",
    ):
        undo(archive, folder)
    assert found(folder) == {}


def test_a_damaged_batch_makes_no_images(tmp_path: Path, folder: Path) -> None:
    archive = tmp_path / "a.zip"
    data = rows([noise(32, 32, 3)])
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("x.npz", batch(data=data, labels=LABELS[:1]))
    content = archive.read_bytes()
    place = content.index(data.tobytes())
    archive.write_bytes(content[:place] + bytes(8) + content[place + 8 :])
    with pytest.raises(UnpackError, match=r"Bad CRC-32 for file 'x\.npz'\); delete it so"):
        undo(archive, folder)
    assert found(folder) == {}
