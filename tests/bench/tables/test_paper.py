"""The paper's tables from made-up rows, the arithmetic done by hand."""

from pathlib import Path

import pytest
from result_rows import batch_row, failed_row, method_record, result_row, timing_row
from table_files import ID, STAMP, cells, lines, sections, text

from l3c.bench.published import Counterpart, read_published
from l3c.bench.run import Run
from l3c.bench.schema import AsPublished, BatchRow, ResultRow, TimingRow, frame
from l3c.bench.tables.layout import NONE
from l3c.data.manifest import ManifestRow

VALUES = read_published(Path(__file__).resolve().parents[3] / "results" / "published.csv")
DIV2K = Counterpart("DIV2K v3", True, "DIV2K, validation")
STAND_IN = Counterpart("Open Images v3", False, "")
L3C = {"key": "l3c", "method": "L3C", "version": "l3c 0.1"}
JPEG2000 = {"key": "jpeg2000", "method": "JPEG 2000"}
CUDA = {"device": "cuda", "device_name": "a GPU"}
FLIF = {"key": "flif", "method": "FLIF", "in_process": False}
MISSING = "not measured here"


def manifest(side):
    return [ManifestRow(image="a", source="a", status="kept", height=side, width=900)]


def make(dataset="toy", rows=None, more=(), **parts):
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
        "records": [method_record(**about) for about in (l3c, other, missing)],
        "published": VALUES,
        "timed_on": dataset,
        "counterparts": {"toy": STAND_IN},
        "manifests": {dataset: manifest(10)},
    }
    kinds = {"timing": TimingRow, "batches": BatchRow, "as_published": AsPublished}
    frames = {name: frame(parts.pop(name, ()), kind) for name, kind in kinds.items()}
    return Run(rows=frame([*rows, *more], ResultRow), **(values | frames | parts))


def table(number, run, form="md"):
    return text(run, f"paper/table{number}", form)


def test_table_1_has_published_beside_measured():
    page = table("1", make())
    assert page.startswith("# Table 1. Bits per sub-pixel on photographs\n")
    found = sections(page)
    titles = ["Open Images v3, toy stands in", "DIV2K v3", "RAISE-1k v3", "Open Images v2"]
    assert list(found)[1:] == [*titles, "Open Images v2 released code", "Notes", "Definitions"]
    ours = cells(found[titles[0]])
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
    assert ours["PNG"]["measured bpsp"] == MISSING
    assert (ours["FLIF"]["measured bpsp"], ours["FLIF"]["images"]) == (MISSING, NONE)
    assert "compare order and distances, not values" in found[titles[0]]
    assert "FLIF: not measured here (no node)." in found[titles[0]]
    assert cells(found["Open Images v2"])["L3C"]["published bpsp"] == "2.604"
    assert "no data set of this run stands for RAISE-1k v3" in found["RAISE-1k v3"]
    assert "* Measured on: a machine, 2 cores; Python 3.11.\n" in found["Notes"]
    assert "* L3C: l3c 0.1 (level=9).\n" in found["Notes"]
    assert page.endswith(f"\nProvenance: {STAMP}.\n")


def test_networks_that_are_not_the_papers_are_named_and_not_compared_with_published_values():
    card = {"name": "L3C", "deviations": ["model.scales: 4 instead of 3", "train.steps: 8"]}
    other = make(cards={"l3c": card, "rgb": card})
    said = "L3C here is not the paper's network"
    page = table("1", other)
    assert f"* **{said}**: model.scales: 4 instead of 3.\n" in page
    assert f"{said}: model.scales: 4 instead of 3." in table("1", other, "tex")
    assert said not in table("2", other)  # nothing measured is in it
    beside = cells(sections(page)["Open Images v3, toy stands in"])["JPEG 2000"]
    assert "measured vs. L3C" not in beside
    assert "published vs. L3C" in beside
    assert {line["vs_l3c_percent"] for line in lines(other, "paper/table1")} == {""}
    otherwise = make(cards={"l3c": {"name": "L3C", "deviations": ["train.steps: 8"]}})
    beside = cells(sections(table("1", otherwise))["Open Images v3, toy stands in"])
    assert beside["JPEG 2000"]["measured vs. L3C"] == "+50.0 %"


def test_the_published_images_themselves_are_no_stand_in_but_for_other_editions():
    found = sections(table("1", make("d", counterparts={"d": DIV2K})))
    assert "Measured on d (DIV2K, validation), 4 images: the published images." in found["DIV2K v3"]
    assert cells(found["Open Images v3"])["L3C"]["measured bpsp"] == MISSING
    own = Counterpart("Open Images v3", True, "Open Images, validation")
    found = sections(table("1", make(counterparts={"toy": own})))
    for title in ("Open Images v3", "Open Images v2, toy stands in"):
        assert cells(found[title])["L3C"]["measured bpsp"] == "4.000"


def test_reproduced_values_of_the_release_are_marked():
    rates = [
        AsPublished(dataset="d", model="l3c", image=i, height=8, width=8, crops=1, bits=1, bpsp=b)
        for i, b in (("a", 3.0), ("b", 3.188))  # their mean is 3.094
    ]
    card = {"name": "L3C", "deviations": [], "source": {"released_as": "L3C, Open Images"}}
    result = make("d", counterparts={"d": DIV2K}, as_published=rates, cards={"l3c": card})
    found = cells(sections(table("1", result))["DIV2K v3"])["L3C"]
    assert found["published bpsp"] == "3.094†✓"
    assert found["release's rules bpsp"] == "3.094"


def test_a_model_published_as_l3c_is_in_its_line_and_others_are_compared_with_it():
    small = Counterpart("ImageNet32 v2", True, 'ImageNet32 validation, "small" edition')
    own = {"dataset": "small", "key": "l3c_small", "method": "L3C (ImageNet32)"}
    png = {"dataset": "small", "key": "png", "method": "PNG"}
    result = make(
        rows=[result_row(**own, num_bytes=300), result_row(**png, num_bytes=450)],
        records=[method_record(**own), method_record(**png)],
        counterparts={"small": small},
        published_as={"l3c_small": "L3C"},
    )
    section = sections(table("2", result))["ImageNet32 v2"]
    found = cells(section)
    assert found["L3C (ImageNet32)"]["published bpsp"] == "4.76†"
    assert found["PNG"]["measured vs. L3C"] == "+50.0 %"
    assert found["PixelCNN"]["measured bpsp"] == MISSING
    assert '"small" edition' in section


def test_table_2_has_sampling_times_of_the_same_batches():
    batches = [batch_row(batch=30, seconds=s, run=i) for i, s in enumerate((3.0, 6.0, 9.0))]
    batches.append(batch_row(batch=30, seconds=0.3, **CUDA))
    page = table("2", make(batches=batches))
    found = sections(page)
    section = "Sampling one image of 32x32, batch size 30; published on ImageNet32 v2"
    assert cells(found[section])["L3C"] == {
        "Method": "L3C",
        "published s": "0.000624",
        "CPU, 2 threads": f"0.200 (0.150{NONE}0.250)",
        "GPU, 2 threads": "0.0100",
    }
    assert cells(found[section])["PixelCNN"]["GPU, 2 threads"] == MISSING
    assert "* Measured on: GPU a GPU." in page
    other = found["Sampling one image of 320x320, batch size 1; published on ImageNet32 v2"]
    assert cells(other)["L3C"]["measured"] == MISSING


def timed(**fields):
    """Runs of 1, 2 and 3 s on one crop, in each direction, by one and two threads."""
    return [
        timing_row(direction=direction, seconds=s, run=i, threads=n, peak_mib=100.0 + i, **fields)
        for direction in ("encode", "decode")
        for n in (1, 2)
        for i, s in enumerate((1.0, 2.0, 3.0))
    ]


def test_table_3_has_medians_of_runs():
    size = {"num_bytes": 3 * 512 * 512 // 4}
    timing = [*timed(**size), *timed(**FLIF, **size), *timed(key="jxl", method="JPEG XL", **size)]
    page = table("3", make(timing=timing))
    encode, _, rate, memory = list(sections(page).values())[1:5]
    assert cells(encode)["L3C"]["published s"] == "0.242†"
    assert cells(encode)["L3C"]["CPU, 2 threads"] == f"2.00 (1.50{NONE}2.50)"
    assert cells(encode)["FLIF‡"]["CPU, 1 thread"] == f"2.00 (1.50{NONE}2.50)"
    assert cells(encode)["JPEG XL"]["published s"] == NONE
    assert cells(encode)["PNG"]["CPU, 1 thread"] == MISSING
    assert cells(rate)["L3C"]["measured bpsp"] == "2.000"
    assert cells(rate)["L3C"]["images"] == "1"
    assert "95 % interval" not in cells(rate)["L3C"]  # of one crop
    assert cells(memory)["L3C"] == {"Method": "L3C", "CPU": "102"}
    assert "1 crop of 512x512 from images of toy, smaller ones continued by mirroring" in page
    assert page.count("GPU: not measured here.") == 1
    assert "* Measured on whole images only, not timed on crops: JPEG 2000.\n" in page
    large = make(timing=timing, manifests={"toy": manifest(512)})
    assert "1 crop of 512x512 from images of toy: other images" in table("3", large)
    # The crops of Table A1 are those of L3C.
    assert "this run has no such timings" in table("A1", make(timing=timed(**FLIF)))


@pytest.mark.parametrize("load", [None, 0.01, 0.5])
def test_times_of_a_machine_that_was_not_quiet_are_said_to_be(load):
    page = table("3", make(timing=[timing_row(other_load=load)]))
    assert ("not quiet" in page) == (load == 0.5)


def test_table_a1_has_the_sum_of_the_papers_columns():
    phases = [("network", "x", 0.5), ("coder", "x", 0.25)]
    phases += [("network", "z1", 0.25), ("coder", "z1", 0.5)]
    phases += [("range_coder", "z3", 0.0625), ("container", "", 4.0)]
    decode = {"direction": "decode", "threads": 1}
    timing = [timing_row(phase=n, seconds=s, scale=scale, **decode) for n, scale, s in phases]
    timing += [timing_row(phase="coder", seconds=0.125, scale="x", **decode, **CUDA)]
    result = make(timing=timing)
    page = table("A1", result)
    together, network, coder = map(cells, list(sections(page).values())[1:4])
    assert together["s=0"] == {
        "Scale": "s=0",
        "published s": "0.312",  # 0.143 + 0.169
        "CPU, 1 thread": "0.750",
        "GPU, 1 thread": "0.125",
    }
    assert together["s=1"]["CPU, 1 thread"] == "0.750"
    assert together["s=2"]["CPU, 1 thread"] == MISSING
    assert together["s=3"]["published s"] == "0.00179"  # nothing to obtain there
    assert together["total"]["published s"] == "0.374"
    assert together["total"]["CPU, 1 thread"] == "1.56"
    assert network["total"] == {"Scale": "total", "CPU, 1 thread": "0.750"}
    assert coder["total"]["CPU, 1 thread"] == "0.812"
    assert list(coder) == ["s=3", "s=1", "s=0", "total"]
    assert "s=0: obtaining cdf 0.143, arithmetic decoding 0.169" in page
    found = [line for line in lines(result, "paper/tableA1") if line["published"]]
    notes = {line["line"]: line["published_note"] for line in found}
    assert notes["s=3"] == "arithmetic decoding 0.00179"


def test_cross_entropy_stands_beside_files_of_learned_methods():
    rows = [
        result_row(**L3C, image="a", num_bytes=225, cross_entropy_bits=1500.0),  # 3 and 2.5 bpsp
        result_row(**L3C, image="b", height=20, num_bytes=750, cross_entropy_bits=5400.0),
        result_row(**JPEG2000, image="a", num_bytes=450),
    ]
    result = make(rows=rows, counterparts={"toy": Counterpart("ImageNet64 v2", False, "")})
    found = cells(sections(table("A2", result))["ImageNet64 v2, toy stands in"])
    assert found["L3C"]["measured bpsp"] == "4.000"
    assert found["L3C"]["cross-entropy bpsp"] == "3.500"
    assert found["JPEG 2000"]["cross-entropy bpsp"] == NONE


def test_table_a3_has_batch_sizes_that_the_paper_lacks():
    batches = [batch_row(batch=960, seconds=96.0), batch_row(batch=30, seconds=6.0)]
    batches.append(batch_row(batch=30, seconds=9.0, operation="decode"))
    found = sections(table("A3", make(batches=batches)))
    sample = cells(found["Seconds to sample one image of 32x32; published on ImageNet32 v2"])
    assert sample["30"]["published s"] == "0.000624"
    assert sample["30"]["CPU, 2 threads"] == "0.200"
    assert sample["60"]["CPU, 2 threads"] == MISSING
    assert list(sample["960"].values()) == ["960", NONE, "0.100"]
    decode = found["Seconds to decode one image of 32x32"]
    assert cells(decode)["30"]["CPU, 2 threads"] == "0.300"
    assert "The images are crops of toy. Each image has a file of its own" in decode
    assert not any("encode" in heading for heading in found)


def test_csv_has_a_line_for_every_cell():
    found = lines(make(), "paper/table1")
    line = next(line for line in found if line["line"] == "L3C")
    expected = {"published": "2.991", "published_confidence": "unverified", "measured": "4"}
    expected |= {"low": "3", "high": "5", "total_bpsp": "4.33333", "published_images": "False"}
    assert expected.items() <= line.items()
    assert {line["provenance"] for line in found} == {ID}
    flif = next(line for line in found if line["line"] == "FLIF")
    assert flif["status"] == "not measured here: no node"
    other = next(line for line in found if line["published_on"] == "RAISE-1k v3")
    assert [other[name] for name in ("measured", "dataset", "published_images")] == ["", "", ""]


def test_latex_is_escaped_and_explains_what_each_section_has():
    page = table("1", make("my_set", counterparts={"my_set": STAND_IN}), "tex")
    for part in (
        f"Provenance: {STAMP}.\\par\n",
        "L3C: l3c 0.1 (level=9).\\par\n",
        "my\\_set stands in",
        "2.991$^\\dagger$",
        "+50.0 \\%",
    ):
        assert part in page
    assert "†" not in page
    for part in (
        "\\begin{tabular}",
        "\\end{tabular}",
        "\\begin{table}",
        "\\label{tab:paper-table1-",
    ):
        assert page.count(part) == 5
    assert page.count("{") == page.count("}")
    captions = [line for line in page.splitlines() if line.startswith("  \\caption")]
    assert "Bits per sub-pixel on photographs (Table 1 of the L3C paper)" in captions[0]
    assert "bootstrap" in captions[0]
    assert "$^\\dagger$ published value" in captions[0]
    assert "bootstrap" not in captions[1]  # nothing was measured
    batches = table("A3", make(batches=[batch_row(batch=30)]), "tex")
    assert "medians of clocked runs, averaged" in batches
    assert "bootstrap" not in batches
    assert "ddagger" not in batches


def test_latex_puts_columns_below_that_are_too_wide():
    slow = [*timed(), *timed(**CUDA)]
    slow = [row.model_copy(update={"seconds": 1e-4 * row.seconds}) for row in slow]
    page = table("3", make(timing=slow), "tex")
    (encode,) = [part for part in page.split("\\begin{table}") if "to encode a crop" in part]
    _, *tabulars = encode.split("\\begin{tabular}")
    assert [part.count("\\shortstack[r]{CPU,") for part in tabulars] == [2, 0]
    assert [part.count("\\shortstack[r]{GPU,") for part in tabulars] == [0, 2]
    assert all("\nL3C & " in part for part in tabulars)


def test_all_tables_are_there_whatever_was_measured():
    page = text(make(rows=[], records=[], counterparts={}), "paper/paper")
    numbers = [line[9:].split(".")[0] for line in page.splitlines() if line.startswith("## Table")]
    assert numbers == ["1", "2", "3", "A1", "A2", "A3"]
    assert page.count("Table A1: Ours are of L3C") == 1
    # Table A1 has the sums of two columns, where the paper has both.
    steps = VALUES.quantity.str.split().str[1]
    shown = VALUES.table.isin(["1", "2", "3", "A2", "A3"]).sum()
    shown += steps[VALUES.table == "A1"].nunique()
    assert page.count("| not measured here") == shown


def test_failures_are_said_below_rates_and_times():
    about = {"key": "jpeg2000", "method": "JPEG 2000", "image": "x"}
    result = make(more=[failed_row(**about)], timing=[*timed(), failed_row(**about)])
    section = sections(table("1", result))["Open Images v3, toy stands in"]
    assert cells(section)["JPEG 2000"]["measured vs. L3C"] == NONE
    assert "JPEG 2000: failed on 1 of 5 images: x: encode: RuntimeError: no idea." in section
    (status,) = [
        line["status"]
        for line in lines(result, "paper/table1")
        if line["line"] == "JPEG 2000" and line["measured"]
    ]
    assert status.startswith("measured: failed on 1 of 5")
    assert "JPEG 2000 is not timed" in table("3", result)
