"""The paper's tables from made-up rows, the arithmetic done by hand."""

from pathlib import Path

import pytest
from result_rows import batch_row, method_record, records, result_row, timing_row
from table_files import ID, STAMP, cells, lines, sections, text

from l3c.bench.published import Counterpart, read_published
from l3c.bench.run import Run
from l3c.bench.schema import AsPublished, BatchRow, ResultRow, TimingRow, frame
from l3c.bench.tables.layout import NONE
from l3c.data.images import ManifestRow

VALUES = read_published(Path(__file__).resolve().parents[3] / "results" / "published.csv")
DIV2K = Counterpart("DIV2K v3", True, "DIV2K, validation")
STAND_IN = Counterpart("Open Images v3", False, "")
L3C = {"key": "l3c", "method": "L3C", "version": "l3c 0.1"}
JPEG2000 = {"key": "jpeg2000", "method": "JPEG 2000"}
CUDA = {"device": "cuda", "device_name": "a GPU"}
FLIF = {"key": "flif", "method": "FLIF", "in_process": False}
MISSING = "not measured here"
RATES = "Table 1: Open Images v3, toy stands in"
CROPS = "toy stands in for Open Images 512x512 v2"


def manifest(side):
    return [ManifestRow(image="a", source="a", status="kept", height=side, width=900)]


def make(dataset="toy", rows=None, **parts):
    """A run with L3C at 4 bpsp and JPEG 2000 at 6 on four images; keywords replace parts."""
    l3c, other = L3C | {"dataset": dataset}, JPEG2000 | {"dataset": dataset}
    if rows is None:
        rows = [
            result_row(**method, image=image, height=height, num_bytes=size)
            for method, sizes in ((l3c, (225, 750)), (other, (450, 900)))  # 3 and 5, 6 and 6 bpsp
            for pair in ("ab", "cd")
            for image, height, size in zip(pair, (10, 20), sizes, strict=True)
        ]
    missing = {"dataset": dataset, "key": "flif", "method": "FLIF", "version": ""}
    missing |= {"measured": False, "reason": "no node"}
    values = {
        "records": records(*(method_record(**about) for about in (l3c, other, missing))),
        "published": VALUES,
        "timed_on": dataset,
        "counterparts": {"toy": STAND_IN},
        "manifests": {dataset: manifest(10)},
    }
    kinds = {"timing": TimingRow, "batches": BatchRow, "as_published": AsPublished}
    frames = {name: frame(parts.pop(name, ()), kind) for name, kind in kinds.items()}
    return Run(rows=frame(rows, ResultRow), **(values | frames | parts))


def page(run, form="md"):
    return text(run, "paper", form)


def section(run, title=RATES):
    return cells(sections(page(run))[title])


def test_published_rates_are_beside_measured_ones():
    made = page(make())
    found = sections(made)
    assert list(found)[1:] == [RATES, "Notes", "Definitions"]  # of others nothing is measured
    ours = cells(found[RATES])
    assert ours["JPEG 2000"] == {
        "Method": "JPEG 2000",
        "published bpsp": "3.055†",
        "published vs. L3C": "+2.1 %",
        "measured bpsp": "6.000",
        "95 % interval": f"6.000{NONE}6.000",
        "measured vs. L3C": "+50.0 %",
        "total bpsp": "6.000",
        "images": "4",
    }
    assert ours["L3C"]["measured bpsp"] == "4.000"
    assert ours["L3C"]["95 % interval"] == f"3.000{NONE}5.000"
    assert ours["L3C"]["total bpsp"] == "4.333"  # 8 * 975 / 1800 = 8 * 1950 / 3600
    assert (ours["FLIF"]["measured bpsp"], ours["FLIF"]["images"]) == (MISSING, NONE)
    assert "FLIF: not measured here: no node." in found[RATES]
    assert "* L3C: l3c 0.1 (level=9).\n" in found["Notes"]
    assert made.endswith(f"\nProvenance: {STAMP}.\n")


@pytest.mark.parametrize(
    ("deviations", "differs"),
    [(["model.scales: 4 instead of 3", "train.steps: 8"], True), (["train.steps: 8"], False)],
)
def test_networks_that_are_not_the_papers_are_not_compared_with_published_values(
    deviations, differs
):
    card = {"name": "L3C", "deviations": deviations}
    run = make(cards={"l3c": card, "rgb": card})
    assert ("**L3C here is not the paper's network**: model.scales" in page(run)) == differs
    assert ("measured vs. L3C" in section(run)["JPEG 2000"]) != differs
    assert "published vs. L3C" in section(run)["JPEG 2000"]
    compared = {line["vs_l3c_percent"] for line in lines(run, "paper")}
    assert compared == ({""} if differs else {"", "0", "50"})


def test_the_published_images_themselves_are_no_stand_in_but_for_other_editions():
    made = page(make("d", counterparts={"d": DIV2K}))
    assert "Measured on d (DIV2K, validation), 4 images: the published images." in made
    own = make(counterparts={"toy": Counterpart("Open Images v3", True, "")})
    for title in ("Open Images v3", "Open Images v2, toy stands in"):
        assert section(own, f"Table 1: {title}")["L3C"]["measured bpsp"] == "4.000"


def test_a_model_published_as_l3c_is_in_its_line_and_others_are_compared_with_it():
    own = {"key": "l3c_small", "method": "L3C (ImageNet32)"}
    result = make(
        rows=[result_row(**own, num_bytes=300), result_row(num_bytes=450)],
        records=records(method_record(**own), method_record()),
        counterparts={"toy": Counterpart("ImageNet32 v2", True, "")},
        published_as={"l3c_small": "L3C"},
    )
    found = section(result, "Table 2: ImageNet32 v2")
    assert found["L3C (ImageNet32)"]["published bpsp"] == "4.76†"
    assert found["PNG"]["measured vs. L3C"] == "+50.0 %"
    assert found["PixelCNN"]["measured bpsp"] == MISSING


def test_sampling_times_are_of_the_same_batches():
    batches = [batch_row(batch=30, seconds=s, run=i) for i, s in enumerate((3.0, 6.0, 9.0))]
    batches += [batch_row(batch=30, seconds=0.3, **CUDA), batch_row(batch=960, seconds=96.0)]
    run = make(batches=batches)
    assert "* Measured on: GPU a GPU." in page(run)
    found = section(run, "Table 2: Seconds to sample an image of 32x32, batch size 30")
    assert found["L3C"] == {
        "Method": "L3C",
        "published s": "0.000624",
        "CPU, 2 threads": f"0.200 (0.150{NONE}0.250)",
        "GPU, 2 threads": "0.0100",
    }
    assert found["PixelCNN"]["GPU, 2 threads"] == MISSING
    found = section(run, "Table A3: Seconds to sample an image of 32x32")
    assert list(found) == ["30", "60", "120", "240", "480", "960"]  # the paper lacks the last
    assert found["60"]["CPU, 2 threads"] == MISSING
    assert list(found["960"].values()) == ["960", NONE, "0.100", NONE]


def timed(**fields):
    """Runs of 1, 2 and 3 s on one crop, in each direction, by one and two threads."""
    return [
        timing_row(direction=direction, seconds=s, run=i, threads=n, **fields)
        for direction in ("encode", "decode")
        for n in (1, 2)
        for i, s in enumerate((1.0, 2.0, 3.0))
    ]


def test_times_of_crops_are_medians_of_runs():
    size = {"num_bytes": 3 * 512 * 512 // 4}
    timing = [*timed(**size), *timed(**FLIF, **size), *timed(key="jxl", method="JPEG XL", **size)]
    run = make(timing=timing)
    encode = section(run, f"Table 3: Seconds to encode a crop, {CROPS}")
    assert encode["L3C"]["published s"] == "0.242†"
    assert encode["L3C"]["CPU, 2 threads"] == f"2.00 (1.50{NONE}2.50)"
    assert encode["FLIF‡"]["CPU, 1 thread"] == f"2.00 (1.50{NONE}2.50)"
    assert encode["JPEG XL"]["published s"] == NONE
    assert encode["PNG"]["CPU, 1 thread"] == MISSING
    rate = section(run, f"Table 3: Bits per sub-pixel of the crops, {CROPS}")
    assert (rate["L3C"]["measured bpsp"], rate["L3C"]["images"]) == ("2.000", "1")
    assert "95 % interval" not in rate["L3C"]  # of one crop
    assert "1 crop of 512x512 from images of toy, smaller ones continued by mirroring" in page(run)
    large = make(timing=timing, manifests={"toy": manifest(512)})
    assert "1 crop of 512x512 from images of toy: other images" in page(large)
    # The crops of Table A1 are those of L3C.
    assert "Table A1" not in page(make(timing=timed(**FLIF)))


def test_table_a1_has_the_sum_of_the_papers_columns():
    phases = [("network", "x", 0.5), ("coder", "x", 0.25)]
    phases += [("network", "z1", 0.25), ("coder", "z1", 0.5)]
    phases += [("range_coder", "z3", 0.0625), ("container", "", 4.0)]
    decode = {"direction": "decode", "threads": 1}
    timing = [timing_row(phase=n, seconds=s, scale=scale, **decode) for n, scale, s in phases]
    timing += [timing_row(phase="coder", seconds=0.125, scale="x", **decode, **CUDA)]
    result = make(timing=timing)
    together = section(result, f"Table A1: Seconds to decode a crop, {CROPS}")
    assert list(together) == ["s=3", "s=2", "s=1", "s=0", "total"]
    assert together["s=0"] == {
        "Scale": "s=0",
        "published s": "0.312",  # 0.143 + 0.169
        "CPU, 1 thread": "0.750",
        "GPU, 1 thread": "0.125",
    }
    assert together["s=1"]["CPU, 1 thread"] == "0.750"
    assert together["s=2"]["CPU, 1 thread"] == MISSING
    assert together["total"]["CPU, 1 thread"] == "1.56"
    notes = {each["line"]: each["published_note"] for each in lines(result, "paper")}
    assert notes["s=0"] == "obtaining cdf 0.143, arithmetic decoding 0.169"


def test_csv_has_a_line_for_every_cell():
    found = {line["line"]: line for line in lines(make(), "paper")}
    expected = {"published": "2.991", "published_confidence": "unverified", "measured": "4"}
    expected |= {"low": "3", "high": "5", "total_bpsp": "4.33333", "published_images": "False"}
    assert (expected | {"table": "1", "provenance": ID}).items() <= found["L3C"].items()
    assert found["FLIF"]["status"] == "not measured here: no node"


def test_a_run_of_nothing_has_a_page():
    assert page(make(rows=[], records=records(), counterparts={})).startswith(
        "# Tables of the L3C paper"
    )
