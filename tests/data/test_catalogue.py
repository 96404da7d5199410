"""The catalogue of image sets: ours is sound, and what is wrong with a file is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from l3c.data.catalogue import COLUMNS, ImageSet, expand, is_archive, local_set, read_catalogue
from l3c.data.errors import DatasetError

OURS = Path(__file__).parents[2] / "config" / "datasets.tsv"


def test_every_set_of_ours_has_an_edition_a_licence_and_urls() -> None:
    catalogue = read_catalogue(OURS)
    assert len(catalogue) == len(OURS.read_text().splitlines()) - 1
    for name, image_set in catalogue.items():
        assert image_set.title
        assert image_set.licence
        assert image_set.gb > 0
        assert all(url.startswith(("http://", "https://")) for url in image_set.urls)
        known = [sum for sum in image_set.checksums if sum]
        assert all(sum.partition(":")[0] in ("sha256", "md5", "sha1") for sum in known), name
    unknown = {name for name, each in catalogue.items() if None in each.checksums}
    assert unknown == {"raise-1k", "open-images-500"}
    assert len(catalogue["kodak"].urls) == 24
    assert catalogue["open-images-500"].urls[0].endswith("/val_oi_500_r.tar.gz")
    assert catalogue["kodak"].urls[8].endswith("kodim09.png")
    assert {"small", "box"} <= {part for name in catalogue for part in name.split("-")}


def test_ranges_keep_their_zeros() -> None:
    assert expand("a{08..10}b{1..2}")[1:4] == ["a08b2", "a09b1", "a09b2"]
    assert expand("plain?p=1k") == ["plain?p=1k"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "x\tX\tfree\thttp://a/b.zip http://a/c.zip\tmd5:" + "1" * 32 + "\t1\t1\t1\t",
            "2 URLs, 1 checksums",
        ),
        ("x\tX\tfree\t\t\t1\t1\t1\t", "0 URLs"),
        ("x\tX\tfree\thttp://a/b.zip\tsha256:12\t1\t1\t1\t", "sha256:12"),
        ("x\tX\tfree\thttp://a/b.zip\tcrc32:12345678\t1\t1\t1\t", "crc32"),
        ("x\tX\tfree\thttp://a/b.zip\t\tmany\t1\t1\t", "a size that is no number"),
        ("x\tX", "missing cells"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "datasets.tsv"
    path.write_text("\t".join(COLUMNS) + "\n" + line + "\n")
    with pytest.raises(DatasetError, match=rf"datasets\.tsv, line 2: .*{said}"):
        read_catalogue(path)


def test_another_head_or_no_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "datasets.tsv"
    with pytest.raises(DatasetError, match="cannot be read"):
        read_catalogue(path)
    path.write_text("name\turl\n")
    with pytest.raises(DatasetError, match="its first line is not name, title"):
        read_catalogue(path)


def test_another_licence_or_estimate_fetches_nothing_again() -> None:
    first = ImageSet("toy", ("http://a/b.zip",), ("md5:0",), "TIFF")
    again = replace(first, title="Toy", licence="CC0", gb=2.0, images=9, megapixels=0.5)
    assert ImageSet(**again.fetched()) == first
    assert replace(first, checksums=("md5:1",)).fetched() != first.fetched()


def test_an_archive_of_ones_own_is_a_set(tmp_path: Path) -> None:
    assert is_archive("a.TAR.GZ")
    assert not is_archive("a.png")
    assert local_set(tmp_path / "mine.zip").urls == (str(tmp_path / "mine.zip"),)
