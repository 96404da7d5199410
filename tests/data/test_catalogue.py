"""The catalogue of image sets: ours is sound, and what is wrong with a file is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from l3c.data import DatasetError
from l3c.data.sources import ImageSet, expand, read_catalogue

OURS = Path(__file__).parents[2] / "config" / "datasets.tsv"


def test_every_set_of_ours_has_an_edition_a_licence_and_urls() -> None:
    catalogue = read_catalogue(OURS)
    assert len(catalogue) == len(OURS.read_text().splitlines()) - 1
    for image_set in catalogue.values():
        assert image_set.title
        assert image_set.licence
        assert image_set.gb > 0
        assert all(url.startswith(("http://", "https://")) for url in image_set.urls)
    unknown = {name for name, each in catalogue.items() if not each.checksums}
    assert unknown == {"raise-1k", "open-images-500"}
    assert len(catalogue["kodak"].urls) == 24
    assert catalogue["open-images-500"].urls[0].endswith("/val_oi_500_r.tar.gz")
    assert catalogue["kodak"].urls[8].endswith("kodim09.png")
    assert {"small", "box"} <= {part for name in catalogue for part in name.split("-")}


def test_ranges_keep_their_zeros() -> None:
    assert expand("a{08..10}b{1..2}")[1:4] == ["a08b2", "a09b1", "a09b2"]
    assert expand("plain?p=1k") == ["plain?p=1k"]


@pytest.mark.parametrize(
    "cells",
    [
        {"checksums": "md5:" + "1" * 32, "urls": "http://a/b{1..2}.zip"},
        {"checksums": "sha256:12"},
        {"checksums": "crc32:12345678"},
        {"urls": ""},
        {"gb": "many"},
        {"published_as": None},
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, cells: dict[str, str | None]) -> None:
    good = {"name": "x", "title": "X", "licence": "free", "urls": "http://a/b.zip", "checksums": ""}
    good |= {"gb": "1", "images": "1", "images_from": "", "published_as": ""}
    path = tmp_path / "datasets.tsv"

    def write(row: dict[str, str | None]) -> None:
        cells = [cell for cell in row.values() if cell is not None]
        path.write_text("\ufeff" + "\t".join(good) + "\n" + "\t".join(cells) + "\n")

    write(good)
    assert list(read_catalogue(path)) == ["x"]
    write({**good, **cells})
    with pytest.raises(DatasetError) as caught:
        read_catalogue(path)
    assert str(caught.value).startswith(f"{path}, line 2: ")


def test_another_licence_or_estimate_fetches_nothing_again() -> None:
    first = ImageSet(name="toy", urls=("http://a/b.zip",), images_from="TIFF")
    again = first.model_copy(update={"title": "Toy", "licence": "CC0", "gb": 2.0})
    assert ImageSet(**again.fetched()) == first
    changed = first.model_copy(update={"checksums": ("md5:" + "1" * 32,)})
    assert changed.fetched() != first.fetched()
