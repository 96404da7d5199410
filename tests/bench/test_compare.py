"""Two runs side by side: what is compared, what is left out, what the verdict says."""

import json

import pytest
from result_rows import result_row, results, timing_row, write_results

from l3c.bench.changes import Change
from l3c.bench.compare import NothingSharedError, compare
from l3c.bench.difference import difference, size_verdict, time_verdict
from l3c.bench.measure.provenance import CodeState, Provenance, ProvenanceError, write_provenance
from l3c.bench.result_folder import ResultFolder, ResultFolderError, read_result_folder
from l3c.bench.schema import RowError, TimingRow, frame
from l3c.data.manifest import ManifestRow, write_manifest

IMAGES = "abcdefgh"


def rows_of(images=IMAGES, **fields):
    """Rows of one method on eight images; keywords replace fields of every row."""
    return [
        result_row(**{"image": image, "num_bytes": 300 + 10 * i} | fields)
        for i, image in enumerate(images)
    ]


def folder_of(name, rows, timing=(), provenance=None, cards=None, manifests=None):
    clocked = frame(timing, TimingRow)
    return ResultFolder(name, results(rows), clocked, provenance, cards or {}, manifests or {})


@pytest.fixture
def make_folder():
    """A run of one method on eight images; keywords replace fields of every row."""

    def make(name="A", **fields):
        about = ("timing", "provenance", "cards", "manifests")
        own = {key: fields.pop(key) for key in about if key in fields}
        return folder_of(name, rows_of(**fields), **own)

    return make


def provenance(commit="c0ffee", **fields):
    values = {
        "code": CodeState(commit, False),
        "configuration": {"evaluate": {"methods": ["png"]}, "recipes": {}},
        "data": {},
        "models": {},
        "versions": {"numpy": "2.0"},
    }
    return Provenance(**(values | fields))


def changed(a, b):
    return {(c.section, c.what): (c.a, c.b) for c in compare(a, b).changes}


def test_a_run_beside_itself_has_the_same_bytes(make_folder):
    found = compare(make_folder("A"), make_folder("B"))
    (dataset,) = found.datasets
    (method,) = dataset.methods
    assert (dataset.images, method.method) == ([*IMAGES], "PNG")
    assert (method.bpsp.percent, method.bpsp.equal) == (0, True)
    assert size_verdict(method.bpsp) == "same bytes"
    assert time_verdict(method.decode_s) == "same time"
    assert (found.changes, found.not_compared) == ([], {})


def test_a_difference_is_paired_and_in_percent_of_a():
    # Images differ tenfold, and B is smaller by 1.0 or 1.4 % on each of them.
    a = [1.0, 10.0] * 8
    b = [x * (0.99 if i % 4 < 2 else 0.986) for i, x in enumerate(a)]
    found = difference(a, b)
    assert found.percent == pytest.approx(-1.2)
    assert -1.4 < found.low < -1.2 < found.high < -1.0
    assert size_verdict(found) == f"smaller by 1.2 % ({-found.high:.1f} to {-found.low:.1f})"
    assert size_verdict(difference(b, a)).startswith("larger by 1.2 % (")
    assert time_verdict(found).startswith("faster by 1.2 % (")
    assert time_verdict(difference(b, a)).startswith("slower by 1.2 % (")


def test_the_same_percents_on_all_images_are_certain():
    a = [1.0, 10.0] * 4
    found = difference(a, [0.9 * x for x in a])
    assert size_verdict(found) == "smaller by 10.0 % (10.0 to 10.0)"


def test_what_differs_both_ways_is_no_difference_beyond_chance():
    a = [4.0] * 8
    b = [3.9, 4.1] * 4
    assert size_verdict(difference(a, b)) == "no difference beyond chance"


def test_few_images_give_no_interval():
    found = difference([4.0] * 5, [3.6] * 5)
    assert (found.low, found.high) == (None, None)
    assert size_verdict(found) == "smaller by 10.0 % on 5 images, too few for an interval"
    assert difference([4.0] * 6, [3.6] * 6).low == pytest.approx(-10)
    assert size_verdict(difference([4.0], [4.4])).endswith("on 1 image, too few for an interval")


def test_small_differences_keep_digits_and_a_clock_of_zero_is_said():
    found = difference([4.0] * 6, [3.9999] * 6)
    assert size_verdict(found) == "smaller by 0.0025 % (0.0025 to 0.0025)"
    assert time_verdict(difference([0.0] * 6, [0.1] * 6)) == "not comparable: A is 0"


def test_other_pixels_under_the_same_name_are_left_out(make_folder):
    other = result_row(image="a", num_bytes=9000, pixel_sha256="1" * 64)
    a, b = make_folder(), folder_of("B", [other, *rows_of()[1:]])
    (dataset,) = compare(a, b).datasets
    assert dataset.other_pixels == ["a"]
    assert dataset.images == [*IMAGES[1:]]
    assert dataset.methods[0].bpsp.equal


def test_only_shared_images_and_methods_are_compared(make_folder):
    webp, jpegxl = rows_of(key="webp", method="WebP"), rows_of(key="jpegxl", method="JPEG XL")
    a = folder_of("A", [*rows_of("abcdefx"), *webp, *rows_of(dataset="other")])
    b = folder_of("B", [*rows_of("abcdefyz", num_bytes=300), *jpegxl])
    found = compare(a, b)
    (dataset,) = found.datasets
    assert [method.key for method in dataset.methods] == ["png"]
    assert dataset.methods[0].bpsp.images == 6
    assert (dataset.methods_only_a, dataset.methods_only_b) == (["WebP"], ["JPEG XL"])
    assert (dataset.images_only_a, dataset.images_only_b) == (["x"], ["y", "z"])
    assert (found.datasets_only_a, found.datasets_only_b) == (["other"], [])


def test_runs_with_nothing_in_common_say_what_they_have(make_folder):
    a = make_folder()
    for b, message in (
        (make_folder("B", dataset="kodak"), "no data set is in both: A has toy; B has kodak"),
        (make_folder("B", pixel_sha256="1" * 64), "no image of toy has the same pixels in both"),
        (make_folder("B", key="webp"), "no method is in both: A has png; B has webp"),
    ):
        with pytest.raises(NothingSharedError, match=message):
            compare(a, b)


def test_timing_is_compared_by_setting_over_the_medians_of_shared_crops(make_folder):
    def clocked(seconds, crops=IMAGES, **fields):
        return [
            timing_row(image=f"{crop}+0+0", run=run, seconds=seconds * factor, **fields)
            for crop in crops
            for run, factor in enumerate((0.9, 1.0, 7.0))
        ]

    stages = clocked(0.5, stage="network", scale="x")
    a = make_folder(timing=[*clocked(1.0), *stages, *clocked(1.0, threads=1)])
    decode = clocked(1.0, direction="decode")
    b = make_folder("B", timing=[*clocked(0.8, crops="bcdefghx"), *clocked(1, threads=1), *decode])
    found = compare(a, b)
    many, one = found.timing
    assert (many.threads, many.direction, many.method) == (2, "encode", "L3C")
    assert (many.seconds.images, many.seconds.a, many.seconds.b) == (7, 1.0, 0.8)
    assert time_verdict(many.seconds) == "faster by 20.0 % (20.0 to 20.0)"
    assert (one.threads, one.seconds.images) == (1, 8)
    assert found.timing_only_a == []
    assert found.timing_only_b == ["L3C on toy (cpu, 2 threads)", "crop x+0+0 of toy (512 x 512)"]


def test_what_only_one_run_clocked_is_named(make_folder):
    def found(a, b):
        both = compare(make_folder(timing=a), make_folder("B", timing=b))
        return len(both.timing), both.timing_only_a, both.timing_only_b

    one, four = timing_row(threads=1), timing_row(threads=4)
    large = timing_row(threads=1, width=768)
    photos = [timing_row(dataset="photos", image=name) for name in ("b+0+0", "c+8+8")]
    assert found([one], [one]) == (1, [], [])
    assert found([one], photos) == (0, ["crops of toy"], ["crops of photos"])
    assert found([one], []) == (0, ["crops of toy"], [])
    assert found([one], [one, four]) == (1, [], ["L3C on toy (cpu, 4 threads)"])
    crops = ["crop a+0+0 of toy (512 x 512)"], ["crop a+0+0 of toy (768 x 512)"]
    assert found([one], [large]) == (0, *crops)


def test_crops_of_other_pixels_are_not_compared(make_folder):
    timing = [timing_row(image=f"{image}+8+16") for image in "ab"]
    other = result_row(image="a", pixel_sha256="1" * 64)
    a, b = make_folder(timing=timing), folder_of("B", [other, *rows_of()[1:]], timing)
    found = compare(a, b)
    assert found.timing[0].seconds.images == 1
    assert found.timing_only_a == found.timing_only_b == ["crop a+8+16 of toy (512 x 512)"]


def test_times_of_unchanged_codecs_are_the_control(make_folder):
    def folder(name, encode_s, decode_s, **png):
        l3c = {
            "key": "l3c",
            "method": "L3C",
            "cross_entropy_bits": 2000.0,
            "decode_s": 9 * decode_s,
        }
        rows = [*rows_of(encode_s=encode_s, decode_s=decode_s, **png), *rows_of(**l3c)]
        return folder_of(name, rows)

    a, b = folder("A", 1.0, 2.0), folder("B", 1.1, 1.9)
    (dataset,) = compare(a, b).datasets
    assert [method.unchanged for method in dataset.methods] == [True, False]
    assert dataset.control_percent == pytest.approx((-5, 10))
    for changed_png in ({"version": "libpng 1.7"}, {"settings": "level=1"}, {"num_bytes": 400}):
        (dataset,) = compare(a, folder("B", 1.1, 1.9, **changed_png)).datasets
        assert dataset.control_percent is None


def test_changes_of_methods_and_machine_come_from_rows(make_folder):
    a = make_folder()
    b = make_folder("B", version="libpng 1.7", hardware="another, 8 cores", threads=8)
    assert changed(a, b) == {
        ("methods", "png version"): ("libpng 1.6", "libpng 1.7"),
        ("machine", "hardware"): ("a machine, 2 cores", "another, 8 cores"),
        ("machine", "threads"): ("2", "8"),
    }
    assert not compare(a, b).same_machine
    assert compare(a, a).same_machine


def test_settings_of_a_method_that_one_run_lacks_are_no_change(make_folder):
    a = make_folder()
    webp = rows_of(key="webp", method="WebP", settings="level=0")
    b = folder_of("B", [*rows_of(method="My PNG"), *webp])
    assert changed(a, b) == {("methods", "png label"): ("PNG", "My PNG")}


def test_changes_of_code_configuration_recipes_models_data_versions_come_from_provenance(
    make_folder,
):
    recipe = {"train": {"steps": 20, "clip_norm": None}}
    a = make_folder(
        provenance=provenance(
            configuration={"evaluate": {"methods": ["png"]}, "recipes": {"rgb": recipe}},
            data={"toy": "0" * 64},
            models={"rgb": "0123"},
        )
    )
    recipe = {"train": {"steps": 40, "clip_norm": 1.5}}
    b = make_folder(
        "B",
        provenance=provenance(
            code=CodeState("c0ffee", True),
            configuration={
                "evaluate": {"methods": ["png", "webp"]},
                "device": "cuda",
                "recipes": {"rgb": recipe},
            },
            data={"toy": "1" * 64},
            models={"rgb": "4567"},
            versions={"numpy": "2.1"},
        ),
    )
    assert changed(a, b) == {
        ("code", "working tree"): ("as committed", "with changes"),
        ("configuration", "evaluate.methods"): ('["png"]', '["png", "webp"]'),
        ("configuration", "device"): (None, "cuda"),
        ("recipes", "rgb.train.steps"): ("20", "40"),
        ("recipes", "rgb.train.clip_norm"): (None, "1.5"),
        ("models", "rgb"): ("0123", "4567"),
        ("data", "toy"): ("0" * 64, "1" * 64),
        ("versions", "numpy"): ("2.0", "2.1"),
    }


def test_settings_that_only_one_run_has_are_one_change(make_folder):
    def folder(name, **configuration):
        return make_folder(name, provenance=provenance(configuration=configuration))

    exactness = {"model": "l3c", "crops": 100, "settings": None}
    kodak = {"source": "kodak", "licence": "", "prepare": {"min_side": 192, "longer_side": None}}
    recipes = {"rgb": {"train": {"steps": 20, "warmup_steps": 2}}}
    a = folder("A", exactness=exactness, datasets={"toy": {"limit": 2}}, recipes={})
    b = folder(
        "B",
        exactness=None,
        datasets={"toy": {"limit": 3, "subset": None, "licence": ""}, "kodak": kodak},
        recipes=recipes,
    )
    assert changed(a, b) == {
        ("configuration", "exactness"): ('{"model": "l3c", "crops": 100}', None),
        ("configuration", "datasets.toy.limit"): ("2", "3"),
        ("configuration", "datasets.toy.licence"): (None, '""'),
        ("configuration", "datasets.kodak"): (
            None,
            '{"source": "kodak", "licence": "", "prepare": {"min_side": 192}}',
        ),
    }
    assert compare(a, b).not_compared == {"A": ["recipes"]}
    others = folder("B", recipes={"rgb": recipes["rgb"], "l3c": recipes["rgb"]})
    found = changed(folder("A", recipes=recipes), others)
    assert found == {("recipes", "l3c"): (None, '{"train": {"steps": 20, "warmup_steps": 2}}')}


def test_cards_and_manifests_speak_where_provenance_is_missing(make_folder):
    card = {
        "identity": "0123",
        "final_train_bpsp": 4.00012,
        "recipe": {"name": "x", "train": {"steps": 20}},
    }
    other = {
        "identity": "4567",
        "final_train_bpsp": 3.9,
        "recipe": {"name": "x", "train": {"steps": 40}},
    }
    a = make_folder(cards={"rgb": card}, manifests={"toy": "00"})
    b = make_folder("B", cards={"rgb": other}, manifests={"toy": "11"})
    assert changed(a, b) == {
        ("recipes", "rgb.train.steps"): ("20", "40"),
        ("models", "rgb"): ("0123", "4567"),
        ("training", "rgb.final_train_bpsp"): ("4.000", "3.900"),
        ("data", "toy"): ("00", "11"),
    }
    bare = make_folder("bare", provenance=provenance())
    found = compare(a, bare)
    assert found.changes == []
    assert found.not_compared == {
        "A": ["code", "configuration", "versions"],
        "bare": ["recipes", "models", "training", "data"],
    }


@pytest.fixture
def run_on_disk(tmp_path):
    """The folder of a run, as the workflow leaves it."""
    folder = tmp_path / "run"
    write_results(folder / "rows.csv", rows_of())
    write_provenance(folder / "provenance.json", provenance())
    (folder / "models").mkdir()
    (folder / "models" / "rgb.json").write_text(json.dumps({"identity": "0123"}))
    (folder / "data" / "toy").mkdir(parents=True)
    kept = ManifestRow(image="a", source="a.png", status="kept", pixel_sha256="0" * 64)
    write_manifest(folder / "data" / "toy" / "manifest.csv", [kept])
    return folder


def test_a_folder_is_read(run_on_disk):
    found = read_result_folder(run_on_disk)
    assert found.name == str(run_on_disk)
    assert found.rows.image.tolist() == [*IMAGES]
    assert found.provenance == provenance()
    assert found.cards == {"rgb": {"identity": "0123"}}
    assert [*found.manifests] == ["toy"]
    assert len(found.manifests["toy"]) == 64


def test_a_copy_with_rows_alone_is_read(run_on_disk, tmp_path):
    (tmp_path / "copy").mkdir()
    (run_on_disk / "rows.csv").rename(tmp_path / "copy" / "rows.csv")
    found = read_result_folder(tmp_path / "copy")
    assert (found.provenance, found.cards, found.manifests) == (None, {}, {})


def test_folders_that_are_none_are_refused(run_on_disk, tmp_path):
    with pytest.raises(ResultFolderError, match=r"nowhere: not a folder of results; name that"):
        read_result_folder(tmp_path / "nowhere")
    with pytest.raises(ResultFolderError, match=r"holds no rows\.csv"):
        read_result_folder(tmp_path)
    rows = run_on_disk / "rows.csv"
    text = rows.read_text()
    rows.write_text(text.splitlines(keepends=True)[0])
    with pytest.raises(ResultFolderError, match="has no rows"):
        read_result_folder(run_on_disk)
    rows.write_text(text + text.splitlines(keepends=True)[1])
    with pytest.raises(RowError, match=r"rows\.csv: dataset toy, key png, image a: "):
        read_result_folder(run_on_disk)
    rows.write_text(text)
    (run_on_disk / "models" / "rgb.json").write_text("[1]")
    with pytest.raises(ResultFolderError, match=r"rgb\.json: not a model's card"):
        read_result_folder(run_on_disk)
    (run_on_disk / "models" / "rgb.json").write_text("{")
    with pytest.raises(ResultFolderError, match=r"rgb\.json: not a model's card"):
        read_result_folder(run_on_disk)
    (run_on_disk / "provenance.json").write_text("[]")
    with pytest.raises(ProvenanceError, match="no provenance of a run"):
        read_result_folder(run_on_disk)
    (run_on_disk / "provenance.json").write_text("{}")
    without = r"provenance\.json: no provenance of a run \(without 'configuration_sha256'\); copy"
    with pytest.raises(ProvenanceError, match=without):
        read_result_folder(run_on_disk)


def test_a_change_has_both_values(make_folder):
    a, b = make_folder(), make_folder("B", settings="level=1")
    assert compare(a, b).changes == [Change("methods", "png settings", "level=9", "level=1")]
