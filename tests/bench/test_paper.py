"""The paper's tables from made-up rows, the arithmetic done by hand."""

import csv
import io
from pathlib import Path

import pytest
from result_rows import failed_row, method_record, result_row

from l3c.bench.counterparts import Counterpart
from l3c.bench.published import read_published
from l3c.bench.run import Run
from l3c.bench.schema import BatchRow, ResultRow, TimingRow, frame
from l3c.bench.tables import TABLES, write_table
from l3c.bench.tables.layout import NONE
from l3c.data.manifest import ManifestRow

VALUES = read_published(Path(__file__).resolve().parents[2] / "results" / "published.csv")
NUMBERS = ["1", "2", "3", "A1", "A2", "A3"]
MACHINE = {"hardware": "a machine, 2 cores", "environment": "Python 3.11"}
DIV2K = Counterpart("DIV2K v3", True, "DIV2K, validation")
STAND_IN = Counterpart("Open Images v3", False, "")


def timing_row(key, direction, stage, seconds, **fields):
    method = {"l3c": "L3C", "png": "PNG", "flif": "FLIF", "jpegxl": "JPEG XL"}[key]
    values = {"dataset": "toy", "method": method, "key": key, "device": "cpu", "threads": 1}
    values |= {"device_name": "a machine", "image": "a+0+0", "height": 512, "width": 512}
    values |= {"direction": direction, "stage": stage, "scale": "", "run": 0, "seconds": seconds}
    values |= {"num_bytes": 3 * 512 * 512 // 4, "in_process": key != "flif", "peak_mib": None}
    return TimingRow(**(values | {"settings": "s", "version": "v"} | MACHINE | fields))


def batch_row(batch, seconds, **fields):
    values = {"key": "l3c", "method": "L3C", "device": "cpu", "device_name": "a machine"}
    values |= {"threads": 2, "side": 32, "batch": batch, "operation": "sample", "run": 0}
    return BatchRow(**(values | {"seconds": seconds} | MACHINE | fields))


def manifest(side):
    return [
        ManifestRow(image="a", source="a", status="kept", height=side, width=900),
    ]


@pytest.fixture
def run():
    """Makes a run with L3C at 4 bpsp and JPEG 2000 at 6 on four images; keywords replace parts."""

    def make(dataset="toy", **parts):
        l3c = {"dataset": dataset, "key": "l3c", "method": "L3C", "version": "l3c 0.1"}
        other = {"dataset": dataset, "key": "jpeg2000", "method": "JPEG 2000"}
        rows = []
        for small, large in ("ab", "cd"):
            rows += [
                result_row(**l3c, image=small, num_bytes=225),  # 3 bpsp
                result_row(**l3c, image=large, height=20, num_bytes=750),  # 5 bpsp
                result_row(**other, image=small, num_bytes=450),  # 6 bpsp
                result_row(**other, image=large, height=20, num_bytes=900),  # 6 bpsp
            ]
        missing = {"dataset": dataset, "key": "flif", "method": "FLIF", "version": ""}
        records = [
            method_record(**l3c),
            method_record(**other),
            method_record(**missing, measured=False, reason="no node"),
        ]
        kinds = {"rows": ResultRow, "timing": TimingRow, "batches": BatchRow}
        values = {"rows": rows, "records": records, "published": VALUES, "timed_on": dataset}
        values |= {"counterparts": {"toy": STAND_IN}, "manifests": {dataset: manifest(10)}}
        values |= parts
        values |= {name: frame(values.get(name, ()), kind) for name, kind in kinds.items()}
        return Run(**values)

    return make


@pytest.fixture
def made(tmp_path):
    """Text of a table in one of its formats."""

    def text(number, run, form="md"):
        name = f"paper/table{number}" if number else "paper/paper"
        write_table(TABLES[name], run, tmp_path, "the stamp", "abc-def")
        return (tmp_path / f"{name}.{form}").read_text()

    return text


@pytest.fixture
def lines(made):
    """Lines of the CSV of a table."""

    def of(number, run):
        return list(csv.DictReader(io.StringIO(made(number, run, "csv"))))

    return of


def nones(table):
    """Rows of a table without what is missing."""
    return [{k: v for k, v in row.items() if v == v} for row in table.to_dict("records")]


def cells(section, label):
    """The printed cells of a line, by the section's heading and the line's first cell."""
    head, _, *lines = [line for line in section.splitlines() if line.startswith("|")]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, *lines)]
    (line,) = [line for line in found if line[0] == label]
    return dict(zip(found[0], line, strict=True))


def sections(text):
    """Heading -> text below it."""
    return dict(part.split("\n", 1) for part in text.split("\n## ")[1:])


def test_table_1_has_published_beside_measured(run, made):
    text = made("1", run())
    assert text.startswith("# Table 1. Bits per sub-pixel on photographs\n")
    found = sections(text)
    assert list(found) == [
        "Open Images v3, toy stands in",
        "DIV2K v3",
        "RAISE-1k v3",
        "Open Images v2",
        "Open Images v2 released code",
        "Notes",
    ]
    ours = found["Open Images v3, toy stands in"]
    assert cells(ours, "JPEG 2000") == {
        "Method": "JPEG 2000",
        "published bpsp": "3.055†",
        "published vs. L3C": "+2.1 %",
        "measured bpsp": "6.000",
        "95 % interval": f"6.000{NONE}6.000",
        "measured vs. L3C": "+50.0 %",
        "total bpsp": "6.000",
        "images": "4",
    }
    l3c = cells(ours, "L3C")
    assert l3c["measured bpsp"] == "4.000"
    assert l3c["95 % interval"] == f"3.000{NONE}5.000"
    assert l3c["total bpsp"] == "4.333"  # 8 * 975 / 1800 = 8 * 1950 / 3600
    assert "compare order and distances, not values" in ours
    assert "FLIF: not measured here (no node)." in ours
    assert cells(ours, "PNG")["measured bpsp"] == "not measured here"
    assert cells(found["Open Images v2"], "L3C")["published bpsp"] == "2.604"
    assert "no data set of this run stands for Open Images v2." in found["Open Images v2"]
    assert "no data set of this run stands for RAISE-1k v3" in found["RAISE-1k v3"]
    assert "* Measured on: a machine, 2 cores; Python 3.11." in text
    assert "* L3C: l3c 0.1 (level=9)." in text
    assert text.endswith("\nProvenance: the stamp.\n")


def test_networks_that_are_not_the_papers_are_named_below_the_table(run, made):
    card = {"deviations": ["model.scales: 4 instead of 3", "train.steps: 8 instead of 700000"]}
    result = run(cards={"l3c": card, "rgb": card})
    said = "L3C here is not the paper's network"
    text = made("1", result)
    assert f"* **{said}**: model.scales: 4 instead of 3.\n" in text
    assert f"{said}: model.scales: 4 instead of 3." in made("1", result, "tex")
    assert said not in made("2", result)  # nothing measured is in it


def test_the_published_images_themselves_are_no_stand_in(run, made):
    text = made("1", run("d", counterparts={"d": DIV2K}))
    found = sections(text)
    assert "Measured on d (DIV2K, validation), 4 images: the published images." in found["DIV2K v3"]
    assert cells(found["Open Images v3"], "L3C")["measured bpsp"] == "not measured here"


def test_the_published_images_stand_beside_their_other_editions_too(run, made):
    own = Counterpart("Open Images v3", True, "Open Images, validation")
    text = made("1", run(counterparts={"toy": own}))
    found = sections(text)
    assert cells(found["Open Images v3"], "L3C")["measured bpsp"] == "4.000"
    assert cells(found["Open Images v2, toy stands in"], "L3C")["measured bpsp"] == "4.000"


def test_a_model_published_as_l3c_is_in_its_line_and_others_are_compared_with_it(run, made):
    small = Counterpart("ImageNet32 v2", True, 'ImageNet32 validation, "small" edition')
    own = {"dataset": "small", "key": "l3c_small", "method": "L3C (ImageNet32)"}
    png = {"dataset": "small", "key": "png", "method": "PNG"}
    result = run(
        rows=[result_row(**own, num_bytes=300), result_row(**png, num_bytes=450)],
        records=[method_record(**own), method_record(**png)],
        counterparts={"small": small},
        published_as={"l3c_small": "L3C"},
    )
    section = sections(made("2", result))["ImageNet32 v2"]
    assert cells(section, "L3C (ImageNet32)")["published bpsp"] == "4.76†"
    assert cells(section, "PNG")["measured vs. L3C"] == "+50.0 %"
    assert cells(section, "PixelCNN")["measured bpsp"] == "not measured here"
    assert cells(section, "PixelCNN")["95 % interval"] == NONE
    assert '"small" edition' in section


def test_table_2_has_sampling_times_of_the_same_batches(run, made):
    batches = [batch_row(30, seconds, run=i) for i, seconds in enumerate((3.0, 6.0, 9.0))]
    batches.append(batch_row(30, 0.3, device="cuda", device_name="a GPU"))
    text = made("2", run(batches=batches))
    found = sections(text)
    section = found["Sampling one image of 32x32, batch size 30; published on ImageNet32 v2"]
    assert cells(section, "L3C") == {
        "Method": "L3C",
        "published s": "0.000624",
        "CPU, 2 threads": f"0.200 (0.150{NONE}0.250)",
        "GPU, 2 threads": "0.0100",
    }
    assert cells(section, "PixelCNN")["GPU, 2 threads"] == "not measured here"
    assert "* Measured on: GPU a GPU." in text
    other = found["Sampling one image of 320x320, batch size 1; published on ImageNet32 v2"]
    assert cells(other, "L3C")["measured"] == "not measured here"


def test_table_3_has_medians_of_runs(run, made):
    timing = [
        timing_row(key, direction, "total", second, run=i, threads=threads, peak_mib=100.0 + i)
        for key in ("l3c", "flif", "jpegxl")
        for direction in ("encode", "decode")
        for threads in (1, 2)
        for i, second in enumerate((1.0, 2.0, 3.0))
    ]
    text = made("3", run(timing=timing))
    found = sections(text)
    encode = found["Seconds to encode a crop, toy stands in; published on Open Images 512x512 v2"]
    assert cells(encode, "L3C")["published s"] == "0.242†"
    assert cells(encode, "L3C")["CPU, 2 threads"] == f"2.00 (1.50{NONE}2.50)"
    assert cells(encode, "FLIF‡")["CPU, 1 thread"] == f"2.00 (1.50{NONE}2.50)"
    assert cells(encode, "JPEG XL")["published s"] == NONE
    assert cells(encode, "PNG")["CPU, 1 thread"] == "not measured here"
    rate = found[
        "Bits per sub-pixel of the crops, toy stands in; published on Open Images 512x512 v2"
    ]
    assert cells(rate, "L3C")["measured bpsp"] == "2.000"
    assert cells(rate, "L3C")["images"] == "1"
    assert cells(rate, "L3C")["95 % interval"] == NONE  # of one crop
    memory = found["Peak memory in MiB, over all crops and numbers of threads"]
    assert cells(memory, "L3C") == {"Method": "L3C", "CPU": "102"}
    assert "1 crop of 512x512 from images of toy, smaller ones continued by mirroring" in text
    assert text.count("GPU: not measured here.") == 1
    assert "* Measured on whole images only, not timed on crops: JPEG 2000.\n" in text


def test_crops_of_images_that_are_large_enough_are_not_mirrored(run, made):
    timing = [timing_row("l3c", "encode", "total", 1.0)]
    text = made("3", run(timing=timing, manifests={"toy": manifest(512)}))
    assert "1 crop of 512x512 from images of toy: other images" in text


def test_what_is_said_of_crops_is_of_those_of_the_table(run, made):
    timing = [timing_row("png", "decode", "total", 1.0)]
    text = made("A1", run(timing=timing))
    assert "Not measured here: this run has no such timings of crops." in text
    assert "Measured on" not in text


def test_times_of_a_machine_that_was_not_quiet_are_said_to_be(run, made):
    for load in (None, 0.01, 0.5):
        timing = [timing_row("png", "encode", "total", 1.0, other_load=load)]
        text = made("3", run(timing=timing))
        assert ("not quiet" in text) == (load == 0.5)


def test_the_spread_of_table_3_is_that_of_runs_not_of_crops(run, made):
    timing = [
        timing_row("l3c", "encode", "total", seconds + i, run=i, image=f"{crop}+0+0")
        for crop, seconds in (("a", 1.0), ("b", 10.0))
        for i in range(3)
    ]
    section = next(iter(sections(made("3", run(timing=timing))).values()))
    assert cells(section, "L3C")["CPU, 1 thread"] == f"6.50 (6.00{NONE}7.00)"


def test_table_a1_has_the_sum_of_the_papers_columns(run, made, lines):
    stages = [("network", "x", 0.5), ("coder", "x", 0.25)]
    stages += [("network", "z1", 0.25), ("coder", "z1", 0.5)]
    stages += [("range_coder", "z3", 0.0625), ("container", "", 4.0)]
    timing = [timing_row("l3c", "decode", stage, s, scale=scale) for stage, scale, s in stages]
    gpu = {"device": "cuda", "device_name": "a GPU"}
    timing += [timing_row("l3c", "decode", "coder", 0.125, scale="x", **gpu)]
    text = made("A1", run(timing=timing))
    together, network, coder = [s for s in text.split("\n## ")[1:] if "| Scale" in s]
    assert cells(together, "s=0") == {
        "Scale": "s=0",
        "published s": "0.312",  # 0.143 + 0.169
        "CPU, 1 thread": "0.750",
        "GPU, 1 thread": "0.125",
    }
    assert cells(together, "s=1")["CPU, 1 thread"] == "0.750"
    assert cells(together, "s=2")["CPU, 1 thread"] == "not measured here"
    assert cells(together, "s=3")["published s"] == "0.00179"  # nothing to obtain there
    assert cells(together, "total")["published s"] == "0.374"
    assert cells(together, "total")["CPU, 1 thread"] == "1.56"
    assert cells(network, "total") == {"Scale": "total", "CPU, 1 thread": "0.750"}
    assert cells(coder, "total")["CPU, 1 thread"] == "0.812"
    assert [line.split()[1] for line in coder.splitlines() if line.startswith("| s=")] == [
        "s=3",
        "s=1",
        "s=0",
    ]
    assert "s=0: obtaining cdf 0.143, arithmetic decoding 0.169" in text
    found_lines = lines("A1", run(timing=timing))
    notes = {line["line"]: line["published_note"] for line in found_lines if line["published"]}
    assert notes["s=1"] == "obtaining cdf 0.0219, arithmetic decoding 0.0234"


def test_cross_entropy_stands_beside_files_of_learned_methods(run, made, lines):
    l3c = {"dataset": "toy", "key": "l3c", "method": "L3C"}
    other = {"dataset": "toy", "key": "jpeg2000", "method": "JPEG 2000"}
    rows = [
        result_row(**l3c, image="a", num_bytes=225, cross_entropy_bits=1500.0),  # 3 and 2.5 bpsp
        result_row(
            **l3c, image="b", height=20, num_bytes=750, cross_entropy_bits=5400.0
        ),  # 5 and 4.5
        result_row(**other, image="a", num_bytes=450),
    ]
    beside = {"toy": Counterpart("ImageNet64 v2", False, "")}
    found = run(rows=rows, counterparts=beside)
    section = sections(made("A2", found))["ImageNet64 v2, toy stands in"]
    assert cells(section, "L3C")["measured bpsp"] == "4.000"
    assert cells(section, "L3C")["cross-entropy bpsp"] == "3.500"
    assert cells(section, "JPEG 2000")["cross-entropy bpsp"] == NONE
    assert {
        line["line"]: line["cross_entropy_bpsp"] for line in lines("A2", found) if line["measured"]
    } == {
        "L3C": "3.5",
        "JPEG 2000": "",
    }


def test_table_a3_has_batch_sizes_that_the_paper_lacks(run, made):
    batches = [batch_row(960, 96.0), batch_row(30, 6.0), batch_row(30, 9.0, operation="decode")]
    found = sections(made("A3", run(batches=batches)))
    sample = found["Seconds to sample one image of 32x32; published on ImageNet32 v2"]
    assert cells(sample, "30")["published s"] == "0.000624"
    assert cells(sample, "30")["CPU, 2 threads"] == "0.200"
    assert cells(sample, "60")["CPU, 2 threads"] == "not measured here"
    assert cells(sample, "960") == {
        "Batch size": "960",
        "published s": NONE,
        "CPU, 2 threads": "0.100",
    }
    decode = found["Seconds to decode one image of 32x32"]
    assert cells(decode, "30")["CPU, 2 threads"] == "0.300"
    assert "The images are crops of toy. Each image has a file of its own" in decode
    assert not any("encode" in heading for heading in found)


def test_csv_has_a_line_for_every_cell(run, lines):
    found_lines = lines("1", run())
    line = next(line for line in found_lines if line["line"] == "L3C")
    assert line["published"] == "2.991"
    assert line["published_confidence"] == "unverified"
    assert (line["measured"], line["low"], line["high"]) == ("4.0", "3.0", "5.0")
    assert line["published_images"] == "False"
    assert line["total_bpsp"] == "4.3333"
    assert {line["provenance"] for line in found_lines} == {"abc-def"}
    flif = next(line for line in found_lines if line["line"] == "FLIF")
    assert flif["status"] == "not measured here: no node"
    raise_1k = next(line for line in found_lines if line["published_on"] == "RAISE-1k v3")
    assert (raise_1k["measured"], raise_1k["dataset"], raise_1k["published_images"]) == ("",) * 3
    assert raise_1k["status"] == "not measured here"


def test_latex_is_escaped_and_carries_its_stamp(run, made):
    text = made("1", run("my_set", counterparts={"my_set": STAND_IN}), "tex")
    assert "Provenance: the stamp.\\par\n" in text
    assert "L3C: l3c 0.1 (level=9).\\par\n" in text
    assert "my\\_set stands in" in text
    assert "2.991$^\\dagger$" in text
    assert "+50.0 \\%" in text
    assert "†" not in text
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") == 5
    assert text.count("\\begin{table}") == 5
    assert text.count("\\label{tab:paper-table1-") == 5
    assert text.count("{") == text.count("}")


def test_latex_captions_say_what_their_own_section_has(run, made):
    captions = [
        line for line in made("1", run(), "tex").splitlines() if line.startswith("  \\caption")
    ]
    assert "Bits per sub-pixel on photographs (Table 1 of the L3C paper)" in captions[0]
    assert "bootstrap" in captions[0]
    assert "$^\\dagger$ published value" in captions[0]
    assert "bootstrap" not in captions[1]  # nothing was measured
    batches = made("A3", run(batches=[batch_row(30, 6.0)]), "tex")
    assert "medians of clocked runs, averaged" in batches
    assert "bootstrap" not in batches
    assert "ddagger" not in batches


def test_latex_has_no_more_than_two_columns_of_times_side_by_side(run, made):
    timing = [
        timing_row("l3c", "encode", "total", 1.0, threads=threads, device=device)
        for threads in (1, 2)
        for device in ("cpu", "cuda")
    ]
    text = made("3", run(timing=timing), "tex")
    (encode,) = [part for part in text.split("\\begin{table}") if "to encode a crop" in part]
    _, *tabulars = encode.split("\\begin{tabular}")
    assert [part.count("\\shortstack[r]{CPU,") for part in tabulars] == [2, 0]
    assert [part.count("\\shortstack[r]{GPU,") for part in tabulars] == [0, 2]


def test_all_tables_are_there_whatever_was_measured(run, made):
    page = made("", run(rows=[], records=[], counterparts={}))
    assert [line for line in page.splitlines() if line.startswith("## Table")] == [
        "## Table 1. Bits per sub-pixel on photographs",
        "## Table 2. ImageNet32: bits per sub-pixel, seconds to sample",
        "## Table 3. Seconds and bits per sub-pixel for crops of 512x512",
        "## Table A1. Decoding time by scale",
        "## Table A2. ImageNet64: bits per sub-pixel",
        "## Table A3. Seconds by batch size",
    ]
    # Table A1 has the sums of two columns, where the paper has both.
    of_a1 = {value.quantity.split()[1] for value in VALUES if value.table == "A1"}
    shown = len(of_a1) + sum(v.table in NUMBERS and v.table != "A1" for v in VALUES)
    assert page.count("| not measured here") == shown


def test_the_same_rows_give_the_same_bytes(run, made):
    def texts():
        found = run(batches=[batch_row(30, 6.0)])
        return [made(n, found, form) for n in ("1", "A3") for form in ("csv", "md", "tex")]

    assert texts() == texts()


def test_failures_are_said_below_rates_and_times(run, made, lines):
    about = {"key": "jpeg2000", "method": "JPEG 2000", "image": "x"}
    timing = [timing_row("l3c", "encode", "total", 1.0), timing_row("l3c", "decode", "total", 1.0)]
    done = run()
    rows = [*(ResultRow(**row) for row in nones(done.rows)), failed_row(**about)]
    found = run(rows=rows, timing=[*timing, failed_row(**about)])
    text = sections(made("1", found))["Open Images v3, toy stands in"]
    assert cells(text, "JPEG 2000")["measured vs. L3C"] == NONE
    assert "JPEG 2000: failed on 1 of 5 images: x: encode: RuntimeError: no idea." in text
    found_lines = lines("1", found)
    [status] = [
        line["status"] for line in found_lines if line["line"] == "JPEG 2000" and line["measured"]
    ]
    assert status.startswith("measured; failed on 1 of 5")
    assert "JPEG 2000 is not timed" in made("3", found)


def test_no_difference_is_beside_a_published_one_unless_the_network_is_the_papers(run, made, lines):
    card = {"name": "L3C", "deviations": ["model.scales: 4 instead of 3"]}
    other = run(cards={"l3c": card})
    section = sections(made("1", other))["Open Images v3, toy stands in"]
    assert "measured vs. L3C" not in cells(section, "JPEG 2000")
    assert "published vs. L3C" in cells(section, "JPEG 2000")
    assert {line["vs_l3c_percent"] for line in lines("1", other)} == {""}
    trained_otherwise = {"name": "L3C", "deviations": ["train.steps: 8 instead of 700000"]}
    section = sections(made("1", run(cards={"l3c": trained_otherwise})))
    beside = cells(section["Open Images v3, toy stands in"], "JPEG 2000")
    assert beside["measured vs. L3C"] == "+50.0 %"
