"""Runs side by side: what is compared, what is left out, what the verdict says."""

import numpy as np
import pandas as pd
import pytest
from result_rows import failed_row, provenance, result_row, timing_row, write_results

from l3c.bench.compare import NothingSharedError, compare, difference, merged
from l3c.bench.measure.provenance import write_provenance
from l3c.bench.run import read_run

IMAGES = "abcdefgh"


def rows_of(images=IMAGES, **fields):
    """Rows of one method on eight images; keywords replace fields of every row."""
    return [
        result_row(**{"image": image, "num_bytes": 300 + 10 * i} | fields)
        for i, image in enumerate(images)
    ]


@pytest.fixture
def make(tmp_path):
    """Folders of runs: of one method on eight images, unless rows are given."""

    def make(rows=None, timing=(), origin=None, **fields):
        folder = tmp_path / str(len([*tmp_path.iterdir()]))
        write_results(folder / "rows.csv", rows or rows_of(**fields))
        if timing:
            write_results(folder / "timing.csv", timing)
        if origin:
            write_provenance(folder / "provenance.json", origin)
        return read_run(folder)

    return make


def partial(*runs):
    return {(line.what, line.name): line.runs for line in compare(runs).partial.itertuples(False)}


def of(found, quantity="bpsp", run="B"):
    """The only line of a quantity."""
    table = found.differences
    (line,) = table[(table.quantity == quantity) & (table.run == run)].itertuples()
    return line


def test_runs_are_compared_with_the_first(make):
    failing = make([*rows_of("abcdefg", num_bytes=300), failed_row(image="h")])
    first = make()
    found = compare([first, failing, make(decode_s=1.0, threads=3), first])
    assert (of(found).count, of(found).method) == (7, "PNG")  # failures are in no mean
    assert of(found).verdict.startswith("smaller by ")
    assert of(found, "bpsp", "C").verdict == "same bytes"
    assert of(found, "decode_s", "C").percent == 700
    assert of(found, "decode_s", "D").verdict == "same time"
    assert found.changes.to_dict("records") == [
        {"what": "machine.threads", "A": "2", "B": "2", "C": "3", "D": "2"}
    ]
    found = compare([first, first])
    assert (of(found).count, of(found).percent) == (8, 0)
    assert [len(each) for each in (found.changes, found.partial, found.alarms)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("a", "factors", "verdict"),
    [
        ([1.0, 10.0] * 4, [0.9], "smaller by 10.0 % (10.0 to 10.0)"),
        ([4.0] * 6, [0.999975], "smaller by 0.00250 % (0.00250 to 0.00250)"),
        ([4.0] * 8, [0.9, 1.1], "no difference beyond chance"),
        ([4.0] * 5, [0.9], "smaller by 10.0 % on 5 images, no interval"),
        ([4.0], [1.1], "larger by 10.0 % on 1 image, no interval"),
    ],
)
def test_verdicts_on_sizes(a, factors, verdict):
    b = [x * factors[i % len(factors)] for i, x in enumerate(a)]
    assert difference(pd.Series(a), pd.Series(b), "bpsp")["verdict"] == verdict


def test_a_difference_is_paired_and_in_percent_of_the_first():
    # Images differ tenfold, and B is smaller by 1.0 or 1.4 % on each of them.
    a = pd.Series([1.0, 10.0] * 8)
    b = a * [0.99 if i % 4 < 2 else 0.986 for i in range(16)]
    found = difference(a, b, "encode_s")
    assert found["percent"] == pytest.approx(-1.2)
    assert -1.4 < found["low"] < -1.2 < found["high"] < -1.0
    assert found["verdict"].startswith("faster by 1.20 % (1.")
    assert difference(b, a, "encode_s")["verdict"].startswith("slower by 1.21 % (1.")
    assert np.isnan(difference(0 * a, b, "encode_s")["percent"])


def test_only_shared_methods_and_images_of_the_same_pixels_are_compared(make):
    webp, jpegxl = rows_of(key="webp", method="WebP"), rows_of("abc", key="jpegxl", method="JXL")
    other = result_row(image="a", num_bytes=9000, pixel_sha256="1" * 64)
    crops = [timing_row(image=f"{image}+0+0") for image in "ab"]
    a = make([*rows_of("abcdefx"), *webp, *rows_of(dataset="other")], crops)
    b = make([other, *rows_of("abcdefyz")[1:], *jpegxl[1:]], crops)
    found = compare([a, b])
    assert of(found, "encode, cpu, 2 threads").count == 1
    assert (of(found).key, of(found).count, of(found).verdict) == ("png", 5, "same bytes")
    assert partial(a, b) == {
        ("methods", "PNG on other"): "A",
        ("methods", "WebP on toy"): "A",
        ("methods", "JXL on toy"): "B",
        ("images", "x on toy"): "A",
        **{("images", f"{image} on toy"): "B" for image in "yz"},
        ("images of other pixels", "a on toy"): "all",
    }


@pytest.mark.parametrize(
    "fields", [{"dataset": "kodak"}, {"pixel_sha256": "1" * 64}, {"key": "webp"}]
)
def test_runs_with_nothing_in_common_are_refused(make, fields):
    with pytest.raises(NothingSharedError):
        compare([make(), make(**fields)])


def test_timing_is_compared_by_setting_over_the_medians_of_shared_crops(make):
    def clocked(seconds, crops=IMAGES, **fields):
        return [
            timing_row(image=f"{crop}+0+0", run=run, seconds=seconds * factor, **fields)
            for crop in crops
            for run, factor in enumerate((0.9, 1.0, 7.0))
        ]

    network = clocked(0.5, phase="network", scale="x")
    a = make(timing=[*clocked(1.0), *network, *clocked(1.0, threads=1)])
    decode = clocked(1.0, direction="decode")
    b = make(timing=[*clocked(0.8, "bcdefghx"), *clocked(1, threads=1), *decode])
    found = compare([a, b])
    many = of(found, "encode, cpu, 2 threads")
    assert (many.of, many.count, many.a) == ("crop", 7, 1.0)
    assert many.b == pytest.approx(0.8)
    assert many.verdict == "faster by 20.0 % (20.0 to 20.0)"
    assert of(found, "encode, cpu, 1 thread").count == 8
    assert partial(a, b) == {
        ("timings", "L3C on toy: decode, cpu, 2 threads"): "B",
        ("images", "x+0+0 (512 x 512) on toy"): "B",
    }


def test_times_of_unchanged_codecs_are_the_control(make):
    def run(**png):
        l3c = {"key": "l3c", "method": "L3C", "cross_entropy_bits": 2000.0}
        return make([*rows_of(**png), *rows_of(**l3c)])

    a = run()
    table = compare([a, run(encode_s=1.1)]).differences
    assert set(table.key[table.control]) == {"png"}
    for png in ({"version": "libpng 1.7"}, {"settings": "level=1"}, {"hardware": "another"}):
        assert not compare([a, run(**png)]).differences.control.any()


@pytest.mark.parametrize(
    ("a", "b", "alarm"),
    [
        ({}, {}, True),
        ({}, {"settings": "level=1"}, False),
        ({}, {"version": "libpng 1.7"}, False),
        ({"version": "torch 2.1, model 1"}, {"version": "torch 2.2, model 1"}, True),
        ({"version": "torch 2.1, model 1"}, {"version": "torch 2.1, model 2"}, False),
        ({"settings": "float32 on cpu"}, {"settings": "float32 on cpu"}, True),
        ({"settings": "float32"}, {"settings": "float32", "hardware": "another"}, False),
    ],
)
def test_other_bytes_of_the_same_codec_are_an_alarm(make, a, b, alarm):
    assert bool(compare([make(**a), make(num_bytes=301, **b)]).alarms) == alarm
    assert not compare([make(**a), make(**b)]).alarms


def test_changes_come_from_provenance(make):
    nested, rgb = {"exactness": {"model": "l3c", "settings": None}}, {"rgb": "0123"}
    first = provenance(configuration={"methods": ["png"], **nested}, models=rgb)
    made = {"methods": ["png", "webp"], "exactness": None, "recipes": {"clip_norm": 1.5}}
    second = provenance(changed=True, configuration=made, models=rgb, versions={"numpy": "2.1"})
    table = compare([make(origin=first), make(origin=second)]).changes
    assert {what: (a, b) for what, a, b in table.itertuples(index=False)} == {
        "code.changed": ("false", "true"),
        "configuration.methods": ('["png"]', '["png", "webp"]'),
        "configuration.exactness.model": ("l3c", None),
        "configuration.recipes.clip_norm": (None, "1.5"),
        "versions.numpy": ("2.0", "2.1"),
    }


def test_machines_are_merged_and_each_pair_is_watched(make):
    """Bytes are equal on all machines where codecs are; a method that the first run lacks too."""
    webp = {"key": "webp", "method": "WebP", "hardware": "another"}
    a = make()
    runs = [a, make([*rows_of(), *rows_of(**webp)]), make([*rows_of(**webp, num_bytes=301)])]
    found = compare(runs)
    [alarm] = found.alarms
    assert "WebP on toy: files of B, C" in alarm
    line = found.differences.query("key == 'webp' and quantity == 'bpsp'").iloc[0]
    assert (line["first"], line.run) == ("B", "C")
    table = merged(runs)
    assert table.groupby("run").size().to_dict() == {"A": 8, "B": 16, "C": 8}
    assert set(table[table.run == "C"].hardware) == {"another"}
