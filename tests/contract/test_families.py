"""What every family of models does for the rest of the house, from a recipe to a cell of the table.

`pytest -s tests/contract` prints a line for each family. A family of one's own is tried by a line
in FAMILIES.
"""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import autoregressive
import numpy as np
import pandas as pd
import pytest
import torch
import train_toy
import yaml
from numpy.typing import NDArray
from PIL import Image
from result_rows import results
from tiny_models import KINDS, limit, recipe, smooth

from l3c import tile_coding
from l3c.bench import run as bench_run
from l3c.bench.figures.lossy import importance
from l3c.bench.figures.pictures import cost_map
from l3c.bench.lossy import LearnedLossy, measure_lossy, read_published
from l3c.bench.measure.files import measure
from l3c.bench.measure.methods import LearnedMethod
from l3c.bench.measure.models import measure_bits
from l3c.bench.schema import LossyRow, ResultRow, read, rows_of, write
from l3c.bench.tables import write_table
from l3c.images.picture import Picture
from l3c.lossy import encode_lossy, lossy_codec
from l3c.models import zoo
from l3c.models.base import load_model
from l3c.models.tile_codec import Arithmetic, UnsupportedError
from l3c.models.zoo import load_family
from l3c.recipe import load_recipe
from l3c.training import loop

STEPS = 24
TRAIN = {"steps": STEPS, "crop": 16, "batch": 4, "optimizer": "adam", "learning_rate": 3e-3}
PUBLISHED = read_published(Path(__file__).parents[2] / "results" / "published_cpm.csv")
GAP_BYTES, GAP_PER_STREAM = 60, 8  # of a file above its cross-entropy: container, each stream

FAMILIES = {  # name -> `family` and `model` of its recipe
    **{kind: recipe(kind).model_dump(mode="json", include={"family", "model"}) for kind in KINDS},
    "causal": {"family": "causal", "model": {"width": 16, "hidden": 2, "mixtures": 1}},
    "autoregressive": {"family": autoregressive.__file__, "model": {}},
    "cpm": {
        "family": "cpm",
        "model": {"bottleneck": 4, "features": 16, "groups": 1, "context": 8, "target": 0.2},
    },
}
LOSSY = ["cpm"]
LOSSLESS = [name for name in FAMILIES if name not in LOSSY]
of_lossless = pytest.mark.parametrize("trained", LOSSLESS, indirect=True)
of_lossy = pytest.mark.parametrize("trained", LOSSY, indirect=True)


class Trained(NamedTuple):
    """A model of a family, what it was trained on, and its curve in bpsp."""

    name: str
    weights: Path
    images: dict[str, NDArray[np.uint8]]
    curve: list[float]

    @property
    def file(self):
        return zoo.read_model(self.weights)

    @property
    def integers(self):
        return bool(load_model(self.file)[1])

    @property
    def arithmetic(self):
        """Floating point, unless the family has none."""
        return load_family(self.file.family).arithmetics[-1]


@pytest.fixture(scope="module", params=FAMILIES)
def trained(request, tmp_path_factory):
    """Trained as `l3c train` does it, with a recipe and an override."""
    folder, name = tmp_path_factory.mktemp(request.param), request.param
    (folder / "base.yaml").write_text(yaml.safe_dump({"name": name, "train": TRAIN}))
    (folder / "recipe.yaml").write_text(yaml.safe_dump({"base": "base", **FAMILIES[name]}))
    made = load_recipe(folder / "recipe.yaml", ["train.clip_norm=1", "train.threads=1"])
    images = {"a": smooth(24, 32), "b": smooth(33, 19)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "METRICS_EVERY", 1)
        weights = train_toy.run(folder, made, images, validation=batch_of(images["a"]))
    rows = csv.DictReader(weights.with_suffix(".csv").read_text().splitlines())
    return Trained(name, weights, images, [float(row["train_bpsp"]) for row in rows])


def batch_of(image):
    """A crop, as models take it."""
    return torch.from_numpy(image[:16, :16].transpose(2, 0, 1)[None].copy())


@pytest.fixture(autouse=True)
def by_the_network(monkeypatch):
    monkeypatch.setattr(tile_coding, "_limit", limit)


@pytest.fixture(scope="module")
def measured(trained):
    """Rows of its images: decoded in a process of their own, which never saw them."""
    run = trained.weights.parent / "run"
    method = LearnedMethod(trained.name, trained.name.title(), trained.weights)
    place = {"dataset": "toy", "run": run, "streams": run / "streams"}
    return measure(method, trained.images.items(), len(trained.images), **place)


def test_it_learns(trained):
    assert len(trained.curve) == STEPS
    assert all(map(math.isfinite, trained.curve))
    quarter = STEPS // 4
    assert np.mean(trained.curve[-quarter:]) < np.mean(trained.curve[:quarter])


def test_it_is_loaded_as_it_was_saved(trained):
    file = trained.file
    model, integers = load_model(file)
    assert type(model) is load_family(file.family)
    assert file.card["family"] == model.family
    assert file.identity("float") == (model.identity() if "float" in model.arithmetics else b"")
    assert (file.identity("integer") != b"") == (integers is not None)
    grouped = [p for group in model.param_groups().values() for p in group]
    assert {id(p) for p in grouped} == {id(p) for p in model.parameters()}
    crop = batch_of(trained.images["a"])
    with torch.no_grad():
        bits, loss = (
            {part: float(each) for part, each in of(crop).items()}
            for of in (model.bits, model.loss)
        )
    assert tuple(bits) == model.parts
    if "float" in model.arithmetics:  # others estimate their loss on crops
        assert loss == {part: pytest.approx(bits[part], rel=1e-5) for part in loss}
    if not model.lossy:
        spent = zoo.open_codec(file, "cpu").cross_entropy_bits(trained.images["a"][:16, :16])
        assert spent == pytest.approx(sum(bits.values()), rel=0.02)
    assert set(file.card["streams"]) <= set(model.parts)
    measures = {f"validation_{name}" for name in ("bpsp", *(["ms_ssim", "psnr"] * model.lossy))}
    assert {key for key in file.card if key.startswith("validation")} == measures


@of_lossless
def test_the_command_knows_it(trained, run, tmp_path):
    picture, coded = tmp_path / "a.png", tmp_path / "a.l3c"
    Image.fromarray(trained.images["a"][:8, :8]).save(picture)
    model = ["--model", trained.weights]
    kind, file = trained.arithmetic, trained.file
    ended = run("encode", *model, picture)
    assert (ended.code, ended.err != "") == (0, not trained.integers)  # a note
    assert run("encode", *model, "--arithmetic", kind, picture, "--force").err == ""
    info = run("info", *model, coded, "--json").content["files"][0]
    used = zoo.open_codec(file, "cpu", kind).arithmetic
    assert (info["model_name"], info["arithmetic"]) == (trained.name, used.text)
    assert info["model"] == file.identity(kind).hex()
    parts = dict.fromkeys(["container", "sections", *file.card["streams"]])
    assert list(info["bytes_by_part"]) == list(parts)  # of a scale with several streams, all count
    assert sum(info["bytes_by_part"].values()) == coded.stat().st_size
    listed = run("models", trained.weights, "--json").content["files"]
    own = [each for each in listed if Path(each["input"]) == trained.weights]
    assert [(each["name"], each["check"]) for each in own] == [(trained.name, "good")]


def test_an_arithmetic_that_it_lacks_is_refused(trained):
    if trained.arithmetic == "integer":
        with pytest.raises(zoo.NoArithmeticError):
            zoo.open_codec(trained.weights, "cpu", "float")
    if trained.integers:
        codec = zoo.open_codec(trained.weights, "cpu")
        assert codec is zoo.open_codec(trained.weights, "cpu", "integer")
    else:
        assert zoo.open_codec(trained.weights, "cpu").arithmetic == Arithmetic.FLOAT_CPU
        with pytest.raises(zoo.NoArithmeticError):
            zoo.open_codec(trained.weights, "cpu", "integer")


@of_lossless
def test_its_bytes_are_its_bits(trained, measured):
    streams = len(trained.file.card["streams"])
    for row in rows_of(measured):
        assert row.cross_entropy_bits is not None
        gap = row.num_bytes - row.cross_entropy_bits / 8
        assert -1 < gap < GAP_BYTES + GAP_PER_STREAM * streams


@of_lossless
def test_its_row_stands_in_the_table(trained, measured):
    rows, path = measured, trained.weights.parent / "run" / "rows.csv"
    write(path, rows)
    pd.testing.assert_frame_equal(read(path, ResultRow), rows)
    assert {*rows.image[rows.lossless]} == trained.images.keys()
    write_table("comparison", bench_run.Run(rows, path.parent))
    tables = path.parent / "tables"
    (line,) = csv.DictReader((tables / "comparison.csv").read_text().splitlines())
    cells = [line[column] for column in ("method", "lossless", "status")]
    assert cells == [trained.name.title(), "2/2", "measured"]
    mean, total = rows.bpsp.mean(), rows.num_bytes.sum()
    assert f"{mean:.3f}" in (tables / "comparison.md").read_text()
    over = total - rows.cross_entropy_bits.sum() / 8
    print(
        f"\n{trained.name:<15} {'integer' if trained.integers else 'float':<8}"
        f"{trained.curve[0]:7.3f} -> {trained.curve[-1]:.3f} bpsp in training, "
        f"{mean:.3f} bpsp in files, {total} bytes, {over:.1f} above the cross-entropy, "
        f"encode {rows.encode_s.mean():.3f} s, decode {rows.decode_s.mean():.3f} s"
    )


@of_lossy
def test_a_lossy_file_decodes_in_a_fresh_process(trained, run, tmp_path):
    picture, coded, back = tmp_path / "a.png", tmp_path / "a.l3y", tmp_path / "back.png"
    Image.fromarray(trained.images["a"]).save(picture)
    model = ["--model", str(trained.weights)]
    assert run("encode", *model, picture).code == 0
    decode = ["-m", "l3c", "decode", *model, str(coded), "-o", str(back), "-q"]
    assert subprocess.run([sys.executable, *decode]).returncode == 0
    codec = lossy_codec(zoo.open_codec(trained.weights, "cpu"))
    expected = codec.decode(codec.encode(trained.images["a"]), 24, 32)
    assert (np.asarray(Image.open(back)) == expected).all()
    assert importance([*trained.images.items()], codec).axes
    for image in trained.images.values():
        size = len(encode_lossy(Picture.from_array(image), codec))
        assert -1 < size - codec.cross_entropy_bits(image) / 8 < GAP_BYTES + GAP_PER_STREAM


@of_lossy
def test_its_points_stand_in_the_table_of_lossy_methods(trained, tmp_path):
    method = LearnedLossy("Mine", [trained.weights])
    rows = measure_lossy("toy", trained.images.items(), method, tmp_path)
    write(tmp_path / "rows.csv", rows)
    pd.testing.assert_frame_equal(read(tmp_path / "rows.csv", LossyRow), rows)
    assert {*rows.image} == trained.images.keys()
    made = bench_run.Run(results([]), tmp_path, lossy=rows, lossy_published=PUBLISHED)
    write_table("rate_distortion", made)
    (line,) = csv.DictReader((tmp_path / "tables/rate_distortion.csv").read_text().splitlines())
    assert (line["method"], line["point"]) == ("Mine", "1")
    assert float(line["bpp"]) == pytest.approx(rows.bpp.mean(), abs=1e-3)


@of_lossless
def test_tables_and_figures_take_what_it_offers(trained):
    codec, image = zoo.open_codec(trained.weights, "cpu"), trained.images["b"]  # of odd sides
    bits = measure_bits({"dataset": "toy", "model": trained.name}, codec, [("b", image)])
    total = codec.cross_entropy_bits(image)
    assert sum(row.bits for row in bits) == pytest.approx(total)
    costs = cost_map(codec, image)
    assert (costs.shape, (costs >= 0).all()) == (image.shape[:2], True)
    assert costs.sum() == pytest.approx(total)
    with suppress(UnsupportedError):
        assert codec.sample_images(2, 8, 8).shape == (2, 8, 8, 3)
        assert (codec.sample_parts(image)[0].image == image).all()
