"""Factors stay in their range and depend on nothing but names; the filter drops with figures."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tiny_models import smooth

from l3c.data.datasets import (
    Dropped,
    Preparation,
    choose_factor,
    deviations,
    prepare_image,
)

pytestmark = pytest.mark.filterwarnings("error")

SMALL = Preparation(min_side=32)


def prepared(image: np.ndarray, name: str, preparation: Preparation = SMALL) -> np.ndarray:
    factor = choose_factor(*image.shape[:2], name, 0, preparation)
    return prepare_image(image, factor, name, preparation)


def grey(height: int, width: int, level: int = 100) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


@given(
    st.integers(1, 3000), st.integers(1, 3000), st.text(), st.integers(0, 9), st.integers(1, 600)
)
def test_a_kept_size_obeys_both_limits(h: int, w: int, name: str, copy: int, side: int) -> None:
    preparation = Preparation(min_side=side)
    if min(h, w) * 4 < side * 5:  # 0.8 in integers
        with pytest.raises(Dropped, match=f"{min(h, w)} px"):
            choose_factor(h, w, name, copy, preparation)
    else:
        factor = choose_factor(h, w, name, copy, preparation)
        assert round(min(h, w) * factor) >= side
        assert factor <= 0.8 + 1e-12


def test_factor_is_a_fixed_function_of_seed_name_and_copy() -> None:
    digest = hashlib.sha256(b"7\n2\ncaf\xc3\xa9.png").digest()
    wanted = 0.5 + int.from_bytes(digest[:6], "big") / 2**48 * (0.8 - 0.5)
    preparation = Preparation(min_side=100, seed=7)
    for name in ("caf\u00e9.png", "cafe\u0301.png"):  # macOS stores the accent apart
        assert choose_factor(200, 300, name, 2, preparation) == wanted
    others = {
        choose_factor(200, 300, name, copy, Preparation(min_side=100, seed=seed))
        for name in "ab"
        for copy in range(3)
        for seed in range(2)
    }
    assert len(others) == 12


def test_longer_side_is_exact_and_ignores_the_random_factor() -> None:
    preparation = Preparation(longer_side=48)
    for before, after in (((95, 78), (48, 39)), ((1, 480), (1, 48)), ((48, 48), (48, 48))):
        assert prepared(grey(*before), "a", preparation).shape == (*after, 3)
    with pytest.raises(Dropped, match="47 px"):
        choose_factor(47, 47, "a", 0, preparation)


def test_squares_are_averages_of_boxes_at_random_places() -> None:
    preparation = Preparation(square=8, max_value=1, max_saturation=1, copies=3)
    image = smooth(40, 70)
    rows, columns = (np.arange(length) for length in image.shape[:2])
    image[..., 0], image[..., 1] = rows[:, None], columns  # where a pixel lies
    places = set()
    for copy in range(3):
        factor = choose_factor(40, 70, "a", copy, preparation)
        side = round(8 / factor)
        assert 16 <= side <= 40
        made = prepare_image(image, factor, f"a__{copy}", preparation)
        assert made.shape == (8, 8, 3)
        top, left = (made[0, 0, :2] - (side / 8 - 1) / 2).round()
        assert 0 <= top <= 40 - side
        assert 0 <= left <= 70 - side
        assert abs(made[..., 0] - (top + (np.arange(8)[:, None] + 0.5) * side / 8 - 0.5)).max() <= 1
        places.add((side, top, left))
    assert len(places) == 3
    with pytest.raises(Dropped, match="15 px"):
        choose_factor(15, 70, "a", 0, preparation)


def test_shorter_side_is_exact_and_small_images_are_enlarged() -> None:
    preparation = Preparation(shorter_side=48)
    for before, after in (((95, 78), (58, 48)), ((24, 40), (48, 80))):
        assert prepared(grey(*before), "a", preparation).shape == (*after, 3)
    assert deviations(preparation) == ["prepare.shorter_side: 48 instead of None"]


def test_bright_and_saturated_images_are_dropped_with_their_figures() -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 100
    for image, figures in ((red, r"saturation 1\.000 > 0\.9"), (grey(64, 64, 205), "0.804 > 0.8")):
        with pytest.raises(Dropped, match=figures):
            prepared(image, "a")
    assert prepared(grey(64, 64, 204), "edge").max() == 204  # exactly 0.8 is kept


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_side": 0},
        {"max_factor": 1.1},
        {"max_value": -1},
        {"copies": 0},
        {"longer_side": 100, "copies": 2},
        {"square": 32, "full_size": True},
        {"shorter_side": 100, "copies": 2},
        {"shorter_side": 100, "longer_side": 100},
        {"min_sid": 5},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Preparation.model_validate(wrong)
