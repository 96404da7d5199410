"""Published values, and which of our data sets is a published one or only stands in for it."""

from pathlib import Path

import pytest
import yaml

from l3c.bench.published import (
    Counterpart,
    PublishedError,
    bpsp_of,
    find_counterparts,
    normalize,
    published_name,
    read_published,
)
from l3c.data.datasets import DatasetSpec
from l3c.data.images import ManifestRow
from l3c.data.sources import read_catalogue

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "results" / "published.csv"
CATALOGUE = read_catalogue(ROOT / "config" / "datasets.tsv")
VALUES = read_published(FILE)


def test_methods_are_known_by_what_they_were_published_as_then_key_then_label():
    assert normalize("JPEG 2000") == normalize("JPEG2000") == normalize("jpeg2000")
    assert normalize("RGB Shared") == normalize("rgb_shared")
    names, own = bpsp_of(VALUES, "ImageNet32 v2").index, {"l3c_imagenet32": "L3C"}
    assert published_name("l3c_imagenet32", "L3C (ImageNet32)", own, names) == "l3c"
    assert published_name("l3c_imagenet32", "L3C (ImageNet32)", {}, names) == ""
    assert published_name("l3c", "Mine", {}, names) == "l3c"
    assert published_name("openjpeg", "JPEG 2000", {}, names) == "jpeg2000"
    assert published_name("l3c", "L3C", {"l3c": "FLIF"}, names) == ""  # not in that table


@pytest.mark.parametrize(
    ("old", "new", "said"), [("2.991", "about 3", "line 2"), ("value,", "number,", "line 1")]
)
def test_a_bad_line_is_named(tmp_path, old, new, said):
    path = tmp_path / "published.csv"
    path.write_text(FILE.read_text().replace(old, new, 1))
    with pytest.raises(PublishedError) as caught:
        read_published(path)
    assert f"{path}, {said}" in str(caught.value)


def counterpart(label, **spec):
    datasets = {"ours": DatasetSpec(**spec), "other": DatasetSpec(source="folder")}
    return find_counterparts(datasets, {"ours": label}, CATALOGUE, VALUES)["ours"]


@pytest.mark.parametrize(
    ("label", "source", "changes", "same"),
    [
        ("DIV2K v3", "div2k-valid", {}, True),
        ("DIV2K v3", "div2k-valid", {"limit": 10}, False),
        ("DIV2K v3", "div2k-valid", {"prepare": {}}, False),
        ("RAISE-1k v3", "div2k-valid", {}, False),
        ("ImageNet32 v2", "imagenet32-small-valid", {}, True),
        ("ImageNet32 v2", "imagenet32-box-valid", {}, False),
        ("Open Images v3", "open-images-validation", {"limit": 500}, False),
        ("Open Images v3", "embedded", {"subset": "test"}, False),
        ("Open Images v3", "open-images-500", {}, True),
        ("Open Images v2", "open-images-500", {}, False),
    ],
)
def test_the_same_images_as_they_are(label, source, changes, same):
    assert counterpart(label, source=source, **changes).same == same


def test_published_images_that_were_left_out_are_lacking():
    published, other = (
        counterpart(f"{name} v3", source="div2k-valid") for name in ("DIV2K", "RAISE-1k")
    )
    kept = ManifestRow(image="a", source="a.png", status="kept")
    dropped = ManifestRow(image="b", source="b.png", status="dropped", reason="greyscale")
    assert published.beside([kept]) == published == Counterpart("DIV2K v3", True)
    assert published.beside([kept, dropped]) == Counterpart("DIV2K v3", False)
    assert other.beside([kept, dropped]) == other == Counterpart("RAISE-1k v3", False)


def test_the_papers_configuration_measures_on_the_published_images():
    named = {image_set.published_as for image_set in CATALOGUE.values()} - {""}
    assert named == {"Open Images v3", "DIV2K", "RAISE-1k", "ImageNet32", "ImageNet64"}
    assert named <= {*VALUES.dataset, *VALUES.label}
    config = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text(encoding="utf-8"))
    datasets = {name: DatasetSpec(**spec) for name, spec in config["datasets"].items()}
    found = find_counterparts(datasets, config["evaluate"]["published"], CATALOGUE, VALUES)
    assert all(counterpart.same for counterpart in found.values())
