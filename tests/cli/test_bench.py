"""`l3c bench`: the workflow's measuring on a user's folders."""

import shutil

from PIL import Image
from tiny_models import smooth

from l3c.bench.measure.machine import OtherLoad
from l3c.models import zoo

LOSSY = """
import numpy as np
from baselines.base import Method

class Lossy(Method):
    name, key, suffix = "Lossy", "lossy", ".bin"
    def version(self):
        return "1"
    def encode(self, image):
        return bytes(image.shape[:2])
    def decode(self, data):
        return np.zeros((*data, 3), np.uint8)
"""
GONE = """
from baselines.raw import Raw
class Gone(Raw):
    name, key = "Gone", "gone"
    def why_unavailable(self): return "install it"
"""


def test_a_table_of_methods(run, album, tmp_path):
    (tmp_path / "lossy.py").write_text(LOSSY)
    (tmp_path / "gone.py").write_text(GONE)
    ended = run("bench", album, "--methods", "raw,png,l3c", "--threads", 1)
    assert (ended.code, ".hidden.png" in ended.out, "1 .txt, 1 hidden" in ended.err) == (0, 0, 1)
    head, *lines = ended.out.splitlines()
    assert head.split()[:4] == ["method", "bpsp", "of", "PNG"]
    assert sorted(line.split()[0] for line in lines[:3]) == ["PNG", "Raw", zoo.DEFAULT]
    assert all(line.endswith("yes") for line in lines[:3])
    assert ["100.0" in line for line in lines[:3] if line.startswith("PNG")] == [True]
    assert lines[3].startswith("images: 1;")
    assert "left out 2020/alpha.png: alpha channel, not 8-bit RGB" in lines
    assert "left out grey.tif: greyscale, not 8-bit RGB" in lines
    methods = f"raw,{tmp_path / 'lossy.py'},{tmp_path / 'gone.py'}"
    ended = run("bench", album, "--methods", methods)
    assert (ended.code, "not measured: install it" in ended.out) == (1, True)
    line, reason = [line for line in ended.out.splitlines() if line.startswith("Lossy")]
    assert line.endswith("NO: failed, see below")
    assert reason.startswith("Lossy, a: ")
    methods = run("bench", album, "--methods", methods, "--json").content["methods"]
    found = {m["key"]: (m["lossless"], m["reason"][:9]) for m in methods}
    assert found == {"raw": (True, ""), "lossy": (False, "failed on"), "gone": (None, "install i")}


def test_a_machine_that_was_not_quiet_is_named(run, album, monkeypatch):
    monkeypatch.setattr(OtherLoad, "share", lambda self: 0.5)
    content = run("bench", album, "--methods", "png,raw", "--json").content
    assert [method["key"] for method in content["methods"]] == ["png", "raw"]
    assert content["methods"][0]["of_png"] == 1
    assert {(row["image"], row["other_load"]) for row in content["rows"]} == {("a", 0.5)}
    assert all(row["lossless"] is True and row["bpsp"] > 0 for row in content["rows"])
    assert ("png" in content["not_quiet"].lower(), len(content["left_out"])) == (True, 3)


def test_several_models_and_folders(run, album, other_model, photo, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(photo, more / "b.png")
    models = ["--model", zoo.DEFAULT, "--model", other_model]
    content = run("bench", more, "--methods", "l3c", *models, "--json").content
    found = {(each["key"], each["method"], each["lossless"]) for each in content["methods"]}
    assert found == {("l3c_1", zoo.DEFAULT, True), ("l3c_2", "other", True)}
    ended = run("bench", album, more, "--methods", "raw")
    titles = [line for line in ended.out.splitlines() if line.endswith(":")]
    assert (ended.code, titles) == (0, [f"{album}:", f"{more}:"])
    Image.fromarray(smooth(9, 9)[..., 0]).save(more / "b.png")  # nothing to measure there
    ended = run("bench", album, more, "--methods", "raw", "--json")
    assert (ended.code, [each["folder"] for each in ended.content["methods"]]) == (1, [str(album)])
    assert (str(more), "b.png") in [(e["folder"], e["image"]) for e in ended.content["left_out"]]


def test_the_learned_method_as_it_is_written_and_otherwise(run, album):
    keys = ["l3c", "l3c_network"]
    rows = run("bench", album, "--methods", ",".join([*keys, "png"]), "--json").content["rows"]
    sizes = {row["key"]: row["num_bytes"] for row in rows if row["key"] in keys}
    assert set(sizes) == set(keys)
    # The model is untrained, and bench's processes choose as users' do.
    assert sizes["l3c"] < sizes["l3c_network"]
    assert [row["by_fallback"] for row in rows] == [True, False, False]
    lines = run("bench", album, "--methods", "l3c,png").out.splitlines()
    assert len([line for line in lines if "--methods l3c_network" in line]) == 1


def test_methods_and_folders_are_checked_before_any_is_measured(run, album, tmp_path, monkeypatch):
    (tmp_path / "half.py").write_text("def encode(image): return b''\n")
    (tmp_path / "raw.py").write_text(LOSSY)
    for methods in (f"raw,{tmp_path / 'half.py'}", f"raw,{tmp_path / 'raw.py'}", "pgn"):
        ended = run("bench", album, "--methods", methods)
        assert (ended.code, ended.out) == (2, "")
    assert "known are raw, png" in ended.err
    assert run("bench", tmp_path / "nowhere").code == 1
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    assert run("bench", album).code == 4
    assert run("bench", album, "--methods", "raw,l3c").code == 4
    assert run("bench", album, "--model", "nowhere").code == 4
