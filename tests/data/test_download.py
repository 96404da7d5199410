"""Downloads from a server that misbehaves on command: continued, checked, whole or not at all."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from l3c.data import download
from l3c.data.download import DownloadError, fetch
from l3c.data.download_part import Part

CONTENT = bytes(range(256)) * 400
SIZE = len(CONTENT)
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
PIECE = 4096


class Server(ThreadingHTTPServer):
    """Serves one file at any path but /missing.

    Attributes:
        content: of the file.
        etag, last_modified, content_type, content_encoding: sent with it, unless empty.
        ranges, if_range: whether those headers are obeyed.
        cuts: for the next requests, after how many bytes the connection is cut.
        answers: status of the next requests, instead of the file.
        announced: what Content-Length says too much; None for no Content-Length.
        shift: of the range that is sent, against the one that was asked for.
        stall_after: bytes after which nothing comes until `go_on` is set.
        seen: what requests asked for: Range and If-Range.
    """

    daemon_threads = True
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.etag = '"one"'
        self.last_modified = ""
        self.content_type = "application/octet-stream"
        self.content_encoding = ""
        self.ranges = True
        self.if_range = True
        self.cuts: list[int] = []
        self.answers: list[int] = []
        self.announced: int | None = 0
        self.shift = 0
        self.stall_after = 0
        self.go_on = threading.Event()
        self.seen: list[tuple[str | None, str | None]] = []

    def url(self, path: str = "file.zip") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        asked, guard = self.headers.get("Range"), self.headers.get("If-Range")
        server.seen.append((asked, guard))
        if server.answers or self.path == "/missing":
            self.send_error(server.answers.pop(0) if server.answers else 404)
            return
        size = len(server.content)
        first = 0
        fresh = not server.if_range or guard in (None, server.etag or server.last_modified)
        if asked and server.ranges and fresh:
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
            if first >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            first += server.shift
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        else:
            self.send_response(200)
        if server.etag:
            self.send_header("ETag", server.etag)
        if server.last_modified:
            self.send_header("Last-Modified", server.last_modified)
        if server.content_encoding:
            self.send_header("Content-Encoding", server.content_encoding)
        self.send_header("Content-Type", server.content_type)
        if server.announced is not None:
            self.send_header("Content-Length", str(size - first + server.announced))
        self.end_headers()
        body = server.content[first:]
        if server.cuts:
            body = body[: server.cuts.pop(0)]
        if server.stall_after and not server.go_on.is_set():
            self.wfile.write(body[: server.stall_after])
            server.go_on.wait(30)
            return
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSES_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(download, "CHUNK", PIECE)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "sets" / "file.zip"


def get(server: Server, target: Path, checksum: str | None = SHA256) -> Path:
    return fetch(server.url(), target, checksum, progress=False)


def names(target: Path) -> list[str]:
    return sorted(os.listdir(target.parent))


def leave_a_part(server: Server, target: Path, size: int = 30_000) -> None:
    """An earlier call that ended after some bytes."""
    server.cuts = [size]
    server.answers = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "PAUSES_S", ())
        with pytest.raises(DownloadError, match=f"dropped after {size} of {len(server.content)}"):
            get(server, target)
    assert names(target) == ["file.zip.part", "file.zip.part.json"]
    server.seen.clear()


@pytest.mark.parametrize("name", ["sha256", "sha1", "md5"])
def test_a_file_comes_whole(server: Server, target: Path, name: str) -> None:
    checksum = f"{name}:{hashlib.new(name, CONTENT).hexdigest().upper()}"
    assert get(server, target, checksum) == target
    assert target.read_bytes() == CONTENT
    assert names(target) == ["file.zip"]
    assert server.seen == [(None, None)]


def test_a_gz_that_the_server_calls_an_encoding_stays_one(server: Server, target: Path) -> None:
    server.content, server.content_encoding = gzip.compress(CONTENT), "x-gzip"
    get(server, target, None)
    assert target.read_bytes() == server.content


def test_a_cut_is_continued_in_the_same_call(server: Server, target: Path) -> None:
    server.cuts = [10_000, 0, 20_000]
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.seen == [
        (None, None),
        ("bytes=10000-", '"one"'),
        ("bytes=10000-", '"one"'),
        ("bytes=30000-", '"one"'),
    ]


def test_a_cut_is_continued_in_a_later_call(server: Server, target: Path) -> None:
    leave_a_part(server, target)
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.seen == [("bytes=30000-", '"one"')]
    assert names(target) == ["file.zip"]


def test_a_killed_process_is_continued(server: Server, target: Path) -> None:
    server.content = CONTENT * 40
    server.stall_after = len(server.content) // 2
    code = "import sys; from l3c.data.download import *; fetch(sys.argv[1], Path(sys.argv[2]))"
    command = [sys.executable, "-c", code, server.url(), str(target)]
    part = target.with_name("file.zip.part")
    with subprocess.Popen(command) as process:
        while not part.exists() or part.stat().st_size < 1_000_000:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    came = part.stat().st_size
    server.go_on.set()
    get(server, target, None)
    assert target.read_bytes() == server.content
    assert server.seen == [(None, None), (f"bytes={came}-", '"one"')]


def test_a_download_goes_on_as_long_as_bytes_come(server: Server, target: Path) -> None:
    server.cuts = [10_000] * 9  # more than tries in a row
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.seen) == 10


def test_a_server_that_never_gets_further_is_given_up(server: Server, target: Path) -> None:
    server.ranges = False
    server.cuts = [10_000] * 20
    with pytest.raises(
        DownloadError,
        match=r"gave up after 4 tries, the last: the connection dropped after 10000 of 102400 "
        r"bytes.*; what came is kept, and the same command continues, or put the file at",
    ):
        get(server, target)
    assert len(server.seen) == 4


def test_a_server_without_ranges_starts_anew(server: Server, target: Path) -> None:
    leave_a_part(server, target)
    server.ranges = False
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.seen == [("bytes=30000-", '"one"')]


def test_a_short_file_counts_as_a_dropped_connection(server: Server, target: Path) -> None:
    server.announced = 500
    with pytest.raises(DownloadError, match=f"the server has nothing after {SIZE} bytes"):
        get(server, target, None)
    assert [asked for asked, _ in server.seen] == [None, f"bytes={SIZE}-"] * 2
    assert not target.exists()


def test_a_file_without_size_and_its_end_is_found(server: Server, target: Path) -> None:
    server.announced = None
    get(server, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("obeys", [True, False])
def test_a_file_that_changed_is_not_mixed(server: Server, target: Path, obeys: bool) -> None:
    leave_a_part(server, target)
    server.content, server.etag, server.if_range = CONTENT[::-1], '"two"', obeys
    get(server, target, None)
    assert target.read_bytes() == CONTENT[::-1]
    assert server.seen[0] == ("bytes=30000-", '"one"')
    assert len(server.seen) == (1 if obeys else 2)


def test_a_file_that_changed_its_size_is_not_mixed(server: Server, target: Path) -> None:
    server.etag, server.last_modified = 'W/"one"', "Wed, 21 Oct 2015 07:28:00 GMT"
    leave_a_part(server, target)
    server.etag, server.content, server.if_range = "", CONTENT + b"more", False
    get(server, target, None)
    assert target.read_bytes() == CONTENT + b"more"
    # A weak ETag may not guard a range.
    assert server.seen == [("bytes=30000-", server.last_modified), (None, None)]


def test_without_etag_and_date_only_the_checksum_allows_to_continue(
    server: Server, target: Path
) -> None:
    server.etag = ""
    leave_a_part(server, target)
    get(server, target, SHA256)
    assert server.seen == [("bytes=30000-", None)]
    target.unlink()
    leave_a_part(server, target)
    get(server, target, None)
    assert server.seen == [(None, None)]
    assert target.read_bytes() == CONTENT


def test_a_range_from_elsewhere_starts_anew(server: Server, target: Path) -> None:
    leave_a_part(server, target)
    server.shift = 7
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert [asked for asked, _ in server.seen] == ["bytes=30000-", None]


def test_a_part_longer_than_the_file_starts_anew(server: Server, target: Path) -> None:
    leave_a_part(server, target)
    server.content, server.if_range, server.etag = CONTENT[:20_000], False, ""
    get(server, target, None)
    assert target.read_bytes() == CONTENT[:20_000]
    assert [asked for asked, _ in server.seen] == ["bytes=30000-", None]  # 416 in between


def test_a_complete_part_is_only_checked(server: Server, target: Path) -> None:
    leave_a_part(server, target)
    target.with_name("file.zip.part").write_bytes(CONTENT)
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.seen == []


def test_a_complete_part_of_unknown_size_is_told_by_416(server: Server, target: Path) -> None:
    leave_a_part(server, target)
    note = target.with_name("file.zip.part.json")
    note.write_text(note.read_text().replace(str(SIZE), "null"))
    target.with_name("file.zip.part").write_bytes(CONTENT)
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.seen == [(f"bytes={SIZE}-", '"one"')]


@pytest.mark.parametrize("note", ["", "{", "[1]", '{"url": "x"}'])
def test_a_part_with_an_unreadable_note_starts_anew(
    server: Server, target: Path, note: str
) -> None:
    leave_a_part(server, target)
    target.with_name("file.zip.part.json").write_text(note)
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.seen == [(None, None)]


def test_another_url_is_not_continued(server: Server, target: Path) -> None:
    leave_a_part(server, target)
    fetch(server.url("other.zip"), target, SHA256, progress=False)
    assert server.seen == [(None, None)]


def test_a_wrong_checksum_removes_what_came(server: Server, target: Path) -> None:
    server.content = b"x" + CONTENT[1:]
    got = hashlib.sha256(server.content).hexdigest()
    expected = rf"another file came: expected {SHA256}, got sha256:{got}; the same command starts"
    with pytest.raises(DownloadError, match=expected):
        get(server, target)
    assert names(target) == []
    server.content = CONTENT
    get(server, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("checksum", ["sha256:12", "crc32:12345678", "0" * 64, "md5:" + "g" * 32])
def test_a_checksum_that_is_none_is_refused(server: Server, target: Path, checksum: str) -> None:
    with pytest.raises(DownloadError, match=r"expected a checksum sha256:<64 hex digits>, .*got"):
        get(server, target, checksum)
    assert server.seen == []


def test_a_missing_file_fails_at_once_and_says_what_to_do(server: Server, target: Path) -> None:
    url = server.url("missing")
    with pytest.raises(DownloadError) as caught:
        fetch(url, target, SHA256, progress=False)
    assert str(caught.value) == (
        f"{url}: the server answers 404 Not Found; run the same command again later, "
        f"or put the file at {target} by hand ({SHA256})"
    )
    assert len(server.seen) == 1


def test_a_server_in_trouble_is_asked_again(
    server: Server, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers = [500, 429, 503]
    fetch(server.url(), target, SHA256)
    assert target.read_bytes() == CONTENT
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == (
        f"{server.url()}: the server answers 429 Too Many Requests; trying again in 0 s"
    )
    server.answers = [500] * 9
    with pytest.raises(DownloadError, match="gave up after 4 tries, the last: the server answers "):
        get(server, target.with_name("second.zip"))
    assert len(server.answers) == 5


def test_no_server_is_said_in_words(server: Server, target: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/x"
        with pytest.raises(
            DownloadError, match=r"4 tries, the last: no connection \(Connection refused\); run"
        ):
            fetch(url, target, progress=False)


def test_a_login_page_is_not_the_file(server: Server, target: Path) -> None:
    server.content_type = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="a web page came, not the file; it may want a login"):
        get(server, target, None)
    get(server, target.with_suffix(".html"))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_without_room_is_refused_before_the_start(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, SIZE - 30_001))
    folder = re.escape(str(target.parent))
    with pytest.raises(
        DownloadError,
        match=rf"0\.00 GB more are needed, the disk of {folder} has 0\.00 GB free; make room; what",
    ):
        get(server, target)
    monkeypatch.undo()
    monkeypatch.setattr(download, "CHUNK", PIECE)
    leave_a_part(server, target)
    # Only the rest needs room.
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, SIZE - 30_000))
    get(server, target)
    assert target.read_bytes() == CONTENT


def test_a_disk_that_fills_keeps_what_came(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Part.append

    def append(self: Part, data: bytes) -> None:
        if self.size >= 5 * PIECE:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, data)

    monkeypatch.setattr(Part, "append", append)
    with pytest.raises(DownloadError, match="is full; make room; what came is kept, and the same"):
        get(server, target)
    assert not target.exists()
    monkeypatch.setattr(Part, "append", real)
    get(server, target)
    assert server.seen == [(None, None), (f"bytes={5 * PIECE}-", '"one"')]
    assert target.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_to_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DownloadError, match=r"cannot read or write .*file \(File exists\)"):
        get(server, tmp_path / "file" / "x.zip")
    with pytest.raises(DownloadError, match="is a folder, not a file"):
        get(server, tmp_path)


def test_what_is_there_is_not_fetched_again(server: Server, target: Path) -> None:
    leave_a_part(server, target)
    target.write_bytes(CONTENT)  # by hand
    get(server, target)
    assert names(target) == ["file.zip"]
    target.write_bytes(b"anything")
    get(server, target, None)
    assert target.read_bytes() == b"anything"
    assert server.seen == []


def test_another_file_in_its_place_is_replaced(
    server: Server, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target.parent.mkdir()
    target.write_bytes(b"anything")
    fetch(server.url(), target, SHA256)
    assert target.read_bytes() == CONTENT
    assert capsys.readouterr().err == f"{target}: not the file of {SHA256}; fetching it again\n"


def test_two_processes_do_not_mix(server: Server, target: Path) -> None:
    target.parent.mkdir()
    with (
        Part(target, server.url()),
        pytest.raises(DownloadError, match="another process is fetching it; wait for that"),
    ):
        get(server, target)
    get(server, target)
    assert target.read_bytes() == CONTENT


def test_progress_is_in_megabytes(
    server: Server, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.content = bytes(3_500_000)
    fetch(server.url(), target)
    assert "fetching file.zip: 3/3 megabytes" in capsys.readouterr().err
    get(server, target.with_name("silent.zip"), None)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
def test_local_files_are_copied(tmp_path: Path, target: Path, form: str) -> None:
    source = tmp_path / "my file.zip"
    source.write_bytes(CONTENT)
    url = form.format(source)
    fetch(url.replace(" ", "%20") if "://" in url else url, target, SHA256)
    assert target.read_bytes() == CONTENT
    assert names(target) == ["file.zip"]
    assert source.stat().st_nlink == 1


def test_a_copy_of_a_local_file_is_continued(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "CHUNK", PIECE)
    source = tmp_path / "source.zip"
    source.write_bytes(CONTENT)
    real = Part.append
    sizes: list[int] = []

    def append(self: Part, data: bytes) -> None:
        sizes.append(self.size)
        if len(sizes) == 6:
            raise KeyboardInterrupt
        real(self, data)

    monkeypatch.setattr(Part, "append", append)
    with pytest.raises(KeyboardInterrupt):
        fetch(str(source), target, SHA256)
    fetch(str(source), target, SHA256)
    assert target.read_bytes() == CONTENT == source.read_bytes()
    assert not target.samefile(source)
    assert sizes[5] == sizes[6] == 5 * PIECE


def test_local_files_that_are_missing_or_wrong_are_left_alone(tmp_path: Path, target: Path) -> None:
    with pytest.raises(DownloadError, match=r"nowhere\.zip: no such file on this machine; name an"):
        fetch(str(tmp_path / "nowhere.zip"), target)
    source = tmp_path / "source.zip"
    source.write_bytes(b"anything")
    with pytest.raises(DownloadError, match=rf"another file: expected {SHA256}, got sha256:"):
        fetch(source.as_uri(), target, SHA256)
    assert source.read_bytes() == b"anything"
    assert not target.exists()
    with pytest.raises(DownloadError, match=r"neither http\(s\):// nor file:///, nor a path"):
        fetch("ftp://example.org/x.zip", target)
