"""`l3c compare`: two folders of results side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Run
from result_rows import failed_row, result_row, timing_row, write_results

from l3c.bench.measure.provenance import CodeState, Provenance, write_provenance
from l3c.bench.schema import ResultRow, TimingRow, frame, read_rows, write


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Runs of two codecs on eight images; in the second, one makes files smaller by a tenth, on
    images of which another two are new and seven are old."""
    made = []
    for name, images, size, version in (
        ("first", "abcdefgh", 300, "libwebp 1.5"),
        ("second", "abcdefgxy", 270, "libwebp 1.6"),
    ):
        folder = tmp_path / name
        webp = {"key": "webp", "method": "WebP", "version": version}
        rows = [result_row(image=image, height=10 + i) for i, image in enumerate(images)]
        rows += [
            result_row(image=image, height=10 + i, num_bytes=size, **webp)
            for i, image in enumerate(images)
        ]
        write_results(folder / "rows.csv", rows)
        code = CodeState("0123456789abcdef0123456789abcdef01234567", name == "second")
        configuration = {"evaluate": {"repeats": 1}, "recipes": {}}
        data = {"toy": ("0" if name == "first" else "1") * 64}
        provenance = Provenance(code, configuration, data, {}, {"numpy": "2.4.6"})
        write_provenance(folder / "provenance.json", provenance)
        made.append(folder)
    return made


def test_runs_are_compared(run: Run, folders: list[Path]) -> None:
    first, second = folders
    ended = run("compare", first, second)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"A: {first} (0123456789ab-")
    assert lines[1].startswith(f"B: {second} (0123456789ab+-")
    assert "toy: 7 images in both" in lines
    bpsp = lines.index("toy: 7 images in both") + 2
    assert lines[bpsp].split() == ["bpsp", "A", "B", "B", "is"]
    assert lines[bpsp + 1].endswith("  same bytes")
    assert lines[bpsp + 2].endswith("  smaller by 10.0 % (10.0 to 10.0)")
    assert lines[bpsp + 2].split()[:3] == ["WebP", "3.153", "2.838"]
    assert ["encode", "ms", "A", "B", "B", "is"] in [line.split() for line in lines]
    assert "not changed" not in ended.out
    assert ["PNG", "250", "250", "same", "time"] in [line.split() for line in lines]
    assert "  images only in A: h" in lines
    assert "  images only in B: x, y" in lines
    assert lines[lines.index("changed from A to B") :] == [
        "changed from A to B",
        "  code",
        "    working tree: as committed -> with changes",
        "  data",
        "    toy: 000000000000 -> 111111111111",
        "  methods",
        "    webp version: libwebp 1.5 -> libwebp 1.6",
    ]


def test_a_run_compared_with_itself_differs_in_nothing(run: Run, folders: list[Path]) -> None:
    ended = run("compare", folders[0], folders[0])
    assert ended.out.count("same bytes") == 2
    assert ended.out.count("same time") == 4
    assert ended.out.endswith("\n\nnothing that is known was changed\n")
    assert (ended.code, ended.err) == (
        0,
        f"l3c: {folders[0]} and {folders[0]} are the same folder\n",
    )


def test_many_settings_of_one_run_are_cut(run: Run, folders: list[Path]) -> None:
    path = folders[1] / "provenance.json"
    content = json.loads(path.read_text())
    kodak = {"source": "/photographs/kodak", "licence": "", "prepare": {"min_side": 192}}
    content["configuration"]["datasets"] = {"kodak": kodak}
    path.write_text(json.dumps(content))
    lines = run("compare", *folders).out.splitlines()
    expected = '    datasets: none -> {"kodak": {"source": "/photographs/kodak", "licence": "", ...'
    assert lines[lines.index("  configuration") + 1] == expected
    found = json.loads(run("compare", *folders, "--json").out)["changes"]
    (whole,) = [change["b"] for change in found if change["section"] == "configuration"]
    assert json.loads(whole) == {"kodak": kodak}


def test_copies_without_provenance_and_other_machines_are_said(
    run: Run, folders: list[Path], tmp_path: Path
) -> None:
    other = {"decode_s": 0.15, "hardware": "another"}
    rows = [result_row(image=image, height=10 + i, **other) for i, image in enumerate("abcdef")]
    write_results(tmp_path / "copy" / "rows.csv", [*rows, result_row(dataset="more")])
    out = run("compare", folders[0], tmp_path / "copy").out
    assert "(without provenance.json)" in out
    assert "different machines or threads" in out
    assert "times of codecs that were not changed moved by +0.0 to +20.0 %" in out
    assert "data sets only in B: more" in out
    assert "methods only in A: WebP" in out
    assert "machine\n    hardware: a machine, 2 cores -> " in out
    assert f"since {tmp_path / 'copy'} does not say: code, configuration, data, versions" in out


def test_timing_is_shown_by_setting(run: Run, folders: list[Path]) -> None:
    for folder, seconds in zip(folders, (1.0, 0.75), strict=True):
        rows = [
            timing_row(image=f"{image}+0+0", threads=threads, seconds=seconds)
            for image in "abcdef"
            for threads in (1, 2)
        ]
        write(folder / "timing.csv", frame(rows, TimingRow))
    lines = run("compare", *folders).out.splitlines()
    start = lines.index("toy: timing of crops, medians of repeated runs")
    assert [" ".join(line.split()) for line in lines[start + 2 : start + 5]] == [
        "ms per crop A B B is",
        "L3C, encode, cpu, 1 thread 1000 750 faster by 25.0 % (25.0 to 25.0)",
        "L3C, encode, cpu, 2 threads 1000 750 faster by 25.0 % (25.0 to 25.0)",
    ]
    content = json.loads(run("compare", *folders, "--json").out)
    first = content["timing"][0]
    assert (first["key"], first["threads"], first["seconds"]["images"]) == ("l3c", 1, 6)
    assert first["seconds"]["verdict"] == "faster by 25.0 % (25.0 to 25.0)"


def test_timing_of_other_crops_is_said(run: Run, folders: list[Path]) -> None:
    for folder, dataset in zip(folders, ("toy", "photos"), strict=True):
        write(folder / "timing.csv", frame([timing_row(dataset=dataset)], TimingRow))
    lines = run("compare", *folders).out.splitlines()
    start = lines.index("timing only in A: crops of toy")
    assert [lines[start - 1], lines[start + 1]] == ["", "timing only in B: crops of photos"]
    content = json.loads(run("compare", *folders, "--json").out)
    assert (content["timing"], content["timing_only_a"]) == ([], ["crops of toy"])
    assert content["timing_only_b"] == ["crops of photos"]


def test_a_comparison_for_scripts(run: Run, folders: list[Path]) -> None:
    content = json.loads(run("compare", *folders, "--json").out)
    assert (content["command"], content["exit_code"]) == ("compare", 0)
    assert content["a"]["folder"] == str(folders[0])
    assert content["a"]["provenance"].startswith("commit 0123456789ab; ")
    (dataset,) = content["datasets"]
    assert dataset["images"] == [*"abcdefg"]
    assert dataset["images_only_b"] == ["x", "y"]
    png, webp = dataset["methods"]
    assert (png["key"], png["bpsp"]["verdict"]) == ("png", "same bytes")
    assert webp["bpsp"]["percent"] == pytest.approx(-10)
    assert webp["bpsp"]["low"] == pytest.approx(-10)
    assert webp["decode_s"]["verdict"] == "same time"
    change = {"section": "methods", "what": "webp version"}
    assert change | {"a": "libwebp 1.5", "b": "libwebp 1.6"} in content["changes"]


def test_what_cannot_be_compared_is_said(run: Run, folders: list[Path], tmp_path: Path) -> None:
    first = folders[0]
    (tmp_path / "empty").mkdir()
    write_results(tmp_path / "other" / "rows.csv", [result_row(dataset="kodak")])
    for name, message in (
        ("nowhere", "nowhere: not a folder of results"),
        ("empty", "empty: holds no rows.csv"),
        ("other", "no data set is in both"),
    ):
        ended = run("compare", first, tmp_path / name)
        assert (ended.code, ended.out, message in ended.err) == (1, "", True)
    ended = run("compare", first, tmp_path / "nowhere", "--json")
    assert json.loads(ended.out)["error"]["type"] == "ResultFolderError"
    assert run("compare", first).code == 2


def test_failures_of_either_run_are_said(run: Run, folders: list[Path]) -> None:
    rows = folders[1] / "rows.csv"
    failure = failed_row(key="webp", method="WebP", image="z")
    write_results(rows, [*read_rows(rows, ResultRow), failure])
    ended = run("compare", *folders)
    assert "in B: webp on toy failed on 1 of 10 images: z: encode: RuntimeError" in ended.out
    content = json.loads(run("compare", *folders, "--json").out)
    assert (content["a"]["failed"], content["b"]["failed"][0]["image"]) == ([], "z")
