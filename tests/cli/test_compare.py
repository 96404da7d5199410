"""`l3c compare`: folders of results side by side."""

import pytest
from result_rows import failed_row, provenance, result_row, timing_row, write_results

from l3c.bench.measure.provenance import read_provenance, write_provenance
from l3c.bench.schema import TimingRow, frame, write


@pytest.fixture
def folders(tmp_path):
    """Runs of two codecs on eight images; in the second, one makes files smaller by a tenth, on
    images of which another two are new and seven are old."""
    for name, images, size, data, seconds in (
        ("first", "abcdefgh", 300, "0", 1.0),
        ("second", "abcdefgxy", 270, "1", 0.75),
    ):
        webp = {"key": "webp", "method": "WebP", "version": name, "num_bytes": size}
        rows = [
            result_row(image=image, height=10 + i, **fields)
            for fields in ({}, webp)
            for i, image in enumerate(images)
        ]
        write_results(tmp_path / name / "rows.csv", rows)
        made = {"kodak": {"prepare": {"min_side": 192}}} if name == "second" else {}
        about = {"data": {"toy": 64 * data}, "configuration": made}
        origin = provenance("0123456789abcdef" * 2 + "01234567", **about)
        write_provenance(tmp_path / name / "provenance.json", origin)
        timing = [timing_row(image=f"{image}+0+0", seconds=seconds) for image in "abcdef"]
        write(tmp_path / name / "timing.csv", frame(timing, TimingRow))
    return [tmp_path / "first", tmp_path / "second"]


def test_runs_are_compared(run, folders):
    ended = run("compare", *folders)
    assert (ended.code, ended.err) == (0, "")
    lines, words = ended.out.splitlines(), " ".join(ended.out.split())
    for letter, folder in zip("AB", folders, strict=True):
        origin = read_provenance(folder / "provenance.json").short_id
        assert f"{letter}: {folder} ({origin}), a machine, 2 cores" in lines
    for part in (
        "WebP 3.153 2.838 smaller by 10.0 % (10.0 to 10.0)",
        "encode, cpu, 2 threads, ms per crop A B B is L3C 1000 750 faster by 25.0 %",
        "images only in B: x on toy, y on toy",
        "methods.webp.version: first -> second",
        "data.toy: 000000000000 -> 111111111111",
        "configuration.kodak.prepare.min_side: none -> 192",
    ):
        assert part in words
    content = run("compare", *folders, "--json").content
    assert (content["command"], content["exit_code"], content["alarms"]) == ("compare", 0, [])
    assert content["runs"]["A"]["provenance"].startswith("commit 0123456789ab; ")
    found = {(line["key"], line["quantity"]): line for line in content["differences"]}
    webp = [found["webp", "bpsp"][name] for name in ("percent", "low", "high")]
    assert webp == pytest.approx([-10] * 3)
    assert {"what": "images", "name": "x on toy", "runs": "B"} in content["partial"]
    assert {"what": "methods.webp.version", "A": "first", "B": "second"} in content["changes"]


def test_copies_without_provenance_other_machines_and_failures_are_said(run, folders, tmp_path):
    copy, other = tmp_path / "copy", {"decode_s": 0.15, "hardware": "another"}
    rows = [result_row(image=image, height=10 + i, **other) for i, image in enumerate("abcdef")]
    write_results(copy / "rows.csv", [*rows, result_row(dataset="more"), failed_row(image="z")])
    out = run("compare", *folders, copy).out
    for text in (
        f"C: {copy} (without provenance.json), another",
        "different machines",
        "methods only in C: PNG on more",
        "methods only in A, B: WebP on toy",
        "in C: png on toy failed on 1 of 7 images: z: encode: RuntimeError",
        "hardware: a machine, 2 cores -> a machine, 2 cores -> another",
    ):
        assert text in out
    assert run("compare", *folders, copy, "--json").content["runs"]["C"]["failed"]


def test_other_bytes_of_the_same_codec_fail(run, tmp_path):
    for name, size in (("a", 300), ("b", 301)):
        write_results(tmp_path / name / "rows.csv", [result_row(num_bytes=size)])
    ended = run("compare", tmp_path / "a", tmp_path / "b")
    assert (ended.code, ended.out.count("ALARM: PNG on toy")) == (1, 1)


def test_what_cannot_be_compared_is_said_and_pages_are_written_all_the_same(run, folders, tmp_path):
    (tmp_path / "empty").mkdir()
    write_results(tmp_path / "other" / "rows.csv", [result_row(dataset="kodak")])
    for name in ("nowhere", "empty", "other"):
        ended = run("compare", folders[0], tmp_path / name)
        assert (ended.code, ended.out, bool(ended.err)) == (1, "", True)
    ended = run("compare", folders[0], tmp_path / "nowhere", "--json")
    assert ended.content["error"]["type"] == "RunFolderError"
    assert run("compare", folders[0], folders[0]).code == run("compare", folders[0]).code == 2
    for more in ([], [tmp_path / "other"]):
        ended = run("compare", folders[0], *more, "--site", tmp_path / "pages")
        assert (ended.code, ended.err) == (0, "")
        page = (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
        assert ("kodak" in page) == bool(more)
