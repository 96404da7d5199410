"""Benchmarks run, and the comparison of coders says so where a peer is missing."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_models import smooth

from benchmarks import (
    against_jpegxl,
    chroma,
    colour_planes,
    compare,
    gpu,
    methods,
    recipes,
    throughput,
    waiting,
)
from l3c.data.datasets import DatasetSpec, build_dataset
from l3c.data.images import store_of, write_png

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "config" / "recipes"


def table(path):
    """Rows of a CSV file."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_released_models_against_jpegxl(tmp_path, capsys):
    write_png(tmp_path / "a.png", smooth(40, 50))
    out = tmp_path / "made" / "front"
    how = ["--longer", "45", "--crop", "32", "--efforts", "3", "9", "--out", str(out)]
    against_jpegxl.main([str(tmp_path), *how])
    lines = capsys.readouterr().out.splitlines()[2:]
    best, middle = (next(x for x in lines if x.startswith(n)) for n in ("JPEG XL e9", "causal-m"))
    bpsp, one = map(float, best.split()[3:5])
    ours, ratio = map(float, middle.split()[1:3])
    assert (one, ratio) == (1, pytest.approx(ours / bpsp, rel=1e-3))
    assert [row["method"] for row in table(out.with_suffix(".csv"))] == [
        *("JPEG XL e3", "JPEG XL e9", "causal-slow", "causal-middle", "causal-fast")
    ]
    assert min(out.with_suffix(kind).stat().st_size for kind in (".png", ".svg")) > 1000


def test_comparison_writes_one_row_a_method(tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "_LEAST_S", 1e-9)
    monkeypatch.setattr(compare.torch, "set_num_threads", lambda n: None)
    for peer in (methods.Torchac, methods.TorchacTables):
        monkeypatch.setattr(peer, "module", "no_such_module")
    for peer in (methods.Constriction, methods.ConstrictionTables):
        monkeypatch.setattr(peer, "available", classmethod(lambda cls: False))
    out = tmp_path / "made" / "coder.csv"
    arguments = ["--size", "24", "--mixtures", "3", "--rounds", "1", "--out", str(out)]
    assert compare.main(arguments) == 0
    rows = table(out)
    assert len(rows) == len(methods.FROM_PARAMETERS) + len(methods.FROM_TABLES)
    ours = [row for row in rows if row["method"].startswith("coder")]
    assert [row["lossless"] for row in ours] == ["True"] * 3
    assert {row["note"] for row in rows if row not in ours} == {"not installed"}


def test_functions_are_timed_into_a_table(tmp_path):
    """What `make bench` runs, on its smallest cases."""
    made, out = tmp_path / "functions.json", tmp_path / "functions.csv"
    quick = ["--benchmark-max-time=0.001", "--benchmark-min-rounds=1"]
    chosen = ["-k", "(64x64 and rgb-K5) or lanes and 8", f"--benchmark-json={made}"]
    command = [sys.executable, "-m", "pytest", "benchmarks", "-q", "-p", "no:cacheprovider"]
    # A worker of pytest-xdist times nothing.
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run([*command, *quick, *chosen], cwd=ROOT, text=True, env=variables)
    assert done.returncode == 0
    program = Path(sys.executable).with_name("pytest-benchmark")
    command = [program, f"--storage={tmp_path}", "compare", str(made), f"--csv={out}"]
    subprocess.run([*command, "--columns=median"], check=True, cwd=ROOT)
    rows = table(out)
    names = {row["name"].partition("::")[2].partition("[")[0] for row in rows}
    assert names == {"test_encode_mixture", "test_decode_mixture", "test_lanes"}
    assert all(float(row["median"]) > 0 for row in rows)
    assert {row["param:shape"] for row in rows} == {"rgb-K5-L256", ""}


def test_throughput_is_measured_and_kept(tmp_path, monkeypatch):
    monkeypatch.setitem(throughput.PEAK_SIDES, "cpu", 64)
    out = tmp_path / "throughput.csv"
    command = ["throughput", "--recipe", str(RECIPES / "toy-l3c.yaml"), "--device", "cpu"]
    command += ["--variants", "float32,float32+nchw", "--runs", "1", "--append", str(out)]
    monkeypatch.setattr("sys.argv", command)
    throughput.main()
    throughput.main()
    rows = table(out)
    assert [row["variant"] for row in rows] == ["float32", "float32+nchw"] * 2
    assert all(float(row["images_per_s"]) > 0 for row in rows)
    assert rows[0]["ratio"] == "1.000"


def test_recipes_get_the_same_time(tmp_path, monkeypatch):
    source = tmp_path / "in"
    source.mkdir()
    write_png(source / "a.png", smooth(64, 64))
    manifest = build_dataset(DatasetSpec(source=str(source)), tmp_path / "data")
    store_of(manifest, tmp_path / "store")
    monkeypatch.setattr(recipes, "step_seconds", lambda *arguments: 0.5)
    out = tmp_path / "curves.csv"
    command = ["recipes", *(str(RECIPES / f"toy-{kind}.yaml") for kind in ("l3c", "rgb"))]
    command += ["--store", str(tmp_path / "store"), "--validation", str(tmp_path / "data")]
    monkeypatch.setattr("sys.argv", [*command, "--seconds", "2", "--out", str(out)])
    recipes.main()
    rows = [(row["recipe"], row["step"]) for row in table(out)]
    assert rows == [("toy-l3c", "4"), ("toy-rgb", "4")]


def test_a_way_of_waiting_is_timed_beside_others(tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "SETTINGS", {"passive": {"OMP_WAIT_POLICY": "PASSIVE"}})
    photograph = tmp_path / "photograph.png"
    write_png(photograph, smooth(16, 16))
    found = waiting.measure(photograph, threads=1, neighbours=(0, 1), repeats=1)
    assert list(found) == ["passive"]
    assert [len(cell) for cell in found["passive"]] == [2, 2]
    assert all(seconds > 0 for cell in found["passive"] for seconds in cell)


def test_colour_after_green_is_trained_beside_the_released_order(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(chroma, "TEST", 32 + 2 * chroma.MARGIN)
    write_png(tmp_path / "a.png", smooth(60, 70))
    chroma.main([*[str(tmp_path)] * 3, "--kinds", "photocd", "--steps", "3"])
    rows = [row.split() for row in capsys.readouterr().out.splitlines() if "=" in row]
    assert [row[0] for row in rows] == ["released"] * 4 + ["joint"] * 4 + ["planes"] * 4
    for row in rows:
        equals = row.index("=")
        parts = [float(part) for part in row[equals + 1 :: 2]]
        assert len(parts) == (5 if row[0] == "planes" else 1)
        assert float(row[equals - 1]) == pytest.approx(sum(parts), abs=0.003)


def test_simulated_colour_planes_have_their_phase():
    rng = np.random.default_rng(0)
    rgb = smooth(64, 80) // 2 + rng.integers(0, 100, (64, 80, 3), np.uint8)
    made = colour_planes.photo_cd(rgb, rng)
    bits = colour_planes.phases(made)
    assert bits[0, 0] < 0.9 * bits.ravel()[1:].min()
    assert colour_planes.centre(made, 32, (1, 0)).tolist() == made[15:47, 22:54].tolist()


@pytest.mark.slow
def test_what_needs_a_gpu_runs_anywhere(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpu", "--quick", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        gpu.main()
    assert end.value.code == 0
    rows = {path.stem: table(path) for path in tmp_path.glob("*.csv")}
    assert set(rows) == {"kernels", "exact", "timing", "batches", "throughput"}
    assert {row["model"] for row in rows["exact"]} >= {"fast-l3c", "interlaced-small"}
    assert {row["method"] for row in rows["timing"]} == {"L3C", "RGB", "RGB Shared"}
    assert {row["operation"] for row in rows["batches"]} == {"sample", "encode", "decode"}
    assert {row["variant"] for row in rows["throughput"]} == {"float32", "bfloat16"}
