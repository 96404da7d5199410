from pathlib import Path

import pytest

from l3c.bench.published import (
    NO_VALUES,
    PublishedError,
    bpsp_of,
    editions,
    normalize,
    published_name,
    read_published,
)

FILE = Path(__file__).resolve().parents[2] / "results" / "published.csv"
VALUES = read_published(FILE)


def test_values_know_edition_spelling_and_whether_they_were_verified():
    assert "Open Images v3" in editions(VALUES)
    assert "one Open Images example v2" not in editions(VALUES)  # parts of one file, no comparison
    ours = bpsp_of(VALUES, "Open Images v3")
    assert (ours.value["l3c"], ours.printed["png"]) == (2.991, "4.005")
    assert ours.method["jpeg2000"] == "JPEG 2000"
    assert not ours.verified["l3c"]
    assert bpsp_of(VALUES, "Open Images v2").verified["l3c"]
    assert bpsp_of(VALUES, None).empty
    assert list(NO_VALUES) == list(VALUES)


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


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PublishedError) as caught:
        read_published(tmp_path / "none.csv")
    assert "none.csv" in str(caught.value)
