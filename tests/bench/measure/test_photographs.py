"""Which photographs are pictured, and how much of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_models import noise

from l3c.bench.measure.photographs import SIDE, choose, cut
from l3c.data.datasets import DatasetSpec, build_dataset
from l3c.data.errors import DatasetError


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for name in ("ape", "bear", "cat"):
        Image.fromarray(noise(4 + len(name), 8, 3)).save(tmp_path / "photos" / f"{name}.png")
    spec = DatasetSpec(source=str(tmp_path / "photos"))
    return build_dataset(spec, tmp_path / "out")


def test_photographs_are_chosen_by_number_or_name(manifest: Path) -> None:
    assert [name for name, _ in choose(manifest, 2)] == ["ape", "bear"]
    assert [name for name, _ in choose(manifest, 9)] == ["ape", "bear", "cat"]
    chosen = choose(manifest, ["cat", "bear"])
    assert [(name, image.shape) for name, image in chosen] == [
        ("cat", (7, 8, 3)),
        ("bear", (8, 8, 3)),
    ]


def test_an_unknown_name_is_answered_with_those_there_are(manifest: Path) -> None:
    with pytest.raises(DatasetError, match=r'"bare".*ape, bear, cat$'):
        choose(manifest, ["cat", "bare"])


@pytest.mark.parametrize(
    ("size", "multiple", "expected"),
    [
        ((20, 30), 1, (20, 30)),
        ((20, 30), 8, (16, 24)),
        ((5, 30), 8, (5, 24)),
        ((SIDE + 11, 2 * SIDE), 16, (SIDE, SIDE)),
    ],
)
def test_the_middle_is_cut(size: tuple[int, int], multiple: int, expected: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    image[size[0] // 2, size[1] // 2] = 7
    part = cut(image, multiple)
    assert part.shape[:2] == expected
    assert part[expected[0] // 2, expected[1] // 2, 0] == 7
