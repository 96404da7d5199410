from pathlib import Path

import pytest

from l3c.bench.published import (
    PublishedError,
    bpsp_of,
    editions,
    normalize,
    published_name,
    read_published,
)

FILE = Path(__file__).resolve().parents[2] / "results" / "published.csv"


def test_editions_are_named_by_data_set_and_version():
    labels = editions(read_published(FILE))
    assert "Open Images v3" in labels
    assert "one Open Images example v2" not in labels  # parts of one file, no comparison


def test_values_know_whether_they_were_verified():
    values = read_published(FILE)
    ours = bpsp_of(values, "Open Images v3")
    assert ours["l3c"].value == 2.991
    assert not ours["l3c"].verified
    assert bpsp_of(values, "Open Images v2")["l3c"].verified
    assert bpsp_of(values, None) == {}


def test_names_meet_however_they_are_written():
    assert normalize("JPEG 2000") == normalize("JPEG2000") == normalize("jpeg2000")
    assert normalize("RGB Shared") == normalize("rgb_shared")


def test_methods_are_known_by_what_they_were_published_as_then_key_then_label():
    published = bpsp_of(read_published(FILE), "ImageNet32 v2")
    own = {"l3c_imagenet32": "L3C"}
    assert published_name("l3c_imagenet32", "L3C (ImageNet32)", own, published) == "l3c"
    assert published_name("l3c_imagenet32", "L3C (ImageNet32)", {}, published) == ""
    assert published_name("l3c", "Mine", {}, published) == "l3c"
    assert published_name("openjpeg", "JPEG 2000", {}, published) == "jpeg2000"
    assert published_name("l3c", "L3C", {"l3c": "FLIF"}, published) == ""  # not in that table


def test_a_bad_line_is_named(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text(FILE.read_text().replace("2.991", "about 3"))
    with pytest.raises(PublishedError, match="line 2"):
        read_published(path)
    with pytest.raises(PublishedError, match=r"none\.csv: cannot be read"):
        read_published(tmp_path / "none.csv")
