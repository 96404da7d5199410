"""Downloads from a server that misbehaves on command: continued, checked, whole or not at all."""

import copy
import errno
import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from l3c.data import DatasetError
from l3c.data import fetching as download
from l3c.data.fetching import fetch

CONTENT = bytes(range(256)) * 400
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
PART = 30_000  # bytes that an earlier call has left


STATE = {
    "content": CONTENT,  # at any path
    "ranges": True,  # whether this header is obeyed
    "cuts": [],  # after so many bytes the next connections are cut
    "answers": [],  # status of the next requests, instead of the file
    "shift": 0,  # of the range that is sent, against the one that was asked for
    "seen": [],  # Range of requests
}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format, *args):
        pass

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.seen.append(asked)
        if server.answers:
            self.send_error(server.answers.pop(0))
            return
        size, first, partial = len(server.content), 0, asked and server.ranges
        if partial:
            first = int(asked.removeprefix("bytes=").removesuffix("-")) + server.shift
        body = server.content[first:]
        self.send_response((206 if body else 416) if partial else 200)
        if partial:
            place = f"{first}-{size - 1}" if body else "*"
            self.send_header("Content-Range", f"bytes {place}/{size}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0) if server.cuts else None])


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    monkeypatch.setattr(download, "CHUNK", 4096)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        vars(server).update(copy.deepcopy(STATE))
        server.url = f"http://127.0.0.1:{server.server_address[1]}/file.zip?x=1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "sets" / "file.zip"


@pytest.fixture
def part(server, target):
    """What an earlier call has left."""
    server.cuts = [PART]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "TRIES", 1)
        fail(server, target)
    part = target.with_name("file.zip.part")
    assert (part.stat().st_size, target.exists()) == (PART, False)
    server.seen.clear()
    return part


def get(server, target, checksum=SHA256):
    assert fetch(server.url, target, checksum) == target
    assert os.listdir(target.parent) == ["file.zip"]
    return target.read_bytes()


def fail(server, target, checksum=SHA256):
    """What is said of a download that fails: always the URL, and where a file can be put."""
    with pytest.raises(DatasetError) as caught:
        fetch(server.url, target, checksum)
    assert server.url in str(caught.value)
    assert str(target) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["sha256", "sha1", "md5"])
def test_a_file_comes_whole_or_not_at_all(server, target, name):
    checksum = f"{name}:{hashlib.new(name, CONTENT).hexdigest().upper()}"
    server.content = b"x" + CONTENT[1:]
    assert hashlib.new(name, server.content).hexdigest() in fail(server, target, checksum)
    assert os.listdir(target.parent) == []
    server.content = CONTENT
    assert get(server, target, checksum) == CONTENT
    assert server.seen == [None, None]


def test_cuts_are_continued_as_long_as_bytes_come(server, target):
    server.cuts = [10_000, 0, 20_000] + [5_000] * 8  # more than tries in a row
    assert get(server, target) == CONTENT
    ranges = ["bytes=10000-", "bytes=10000-", "bytes=30000-", "bytes=35000-"]
    assert server.seen[:5] == [None, *ranges]
    target.unlink()
    server.seen, server.ranges, server.cuts = [], False, [10_000] * 20  # it never gets further
    fail(server, target)
    assert len(server.seen) == download.TRIES


@pytest.mark.usefixtures("part")
@pytest.mark.parametrize(
    ("changes", "requests"),
    [
        ({}, 1),
        ({"content": CONTENT[:PART]}, 1),  # it was complete
        ({"ranges": False}, 1),
        ({"shift": 7}, 2),  # a range from elsewhere
        ({"content": CONTENT[:20_000]}, 2),  # or behind the end
    ],
)
def test_what_an_earlier_call_has_left_is_continued_if_it_can_be(server, target, changes, requests):
    vars(server).update(changes)
    checksum = f"md5:{hashlib.md5(server.content).hexdigest()}"
    assert get(server, target, checksum) == server.content
    assert server.seen == [f"bytes={PART}-", None][:requests]


def test_a_missing_file_fails_at_once_and_keeps_what_came(server, target, part):
    server.answers = [404]
    said = fail(server, target)
    assert "404" in said
    assert SHA256 in said
    assert part.stat().st_size == PART


def test_a_server_in_trouble_is_asked_again(server, target):
    server.answers = [500, 429, 503]
    assert get(server, target) == CONTENT
    target.unlink()
    server.answers = [500] * 9
    assert "500" in fail(server, target)
    assert len(server.answers) == 9 - download.TRIES
    server.url = "http://127.0.0.1:9/x"  # nobody listens
    assert os.strerror(errno.ECONNREFUSED) in fail(server, target)


def test_files_of_this_machine_stay_where_they_are(tmp_path, target):
    source = tmp_path / "my file.zip"
    source.write_bytes(CONTENT)
    assert fetch(str(source), target, SHA256) == source
    source.write_bytes(b"anything")
    for wrong in (str(source), f"{source}.gone", "ftp://example.org/x.zip"):
        with pytest.raises(DatasetError) as caught:
            fetch(wrong, target, SHA256)
        assert str(caught.value).startswith(wrong)
