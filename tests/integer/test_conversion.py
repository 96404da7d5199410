"""From a float network to integers: rounding, grids, files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import recipe, smooth, tiny

from l3c.integer import files
from l3c.integer.calibration import calibrate
from l3c.integer.conversion import convert
from l3c.integer.grids import parameter_grids
from l3c.integer.rounding import round_filters
from l3c.models import zoo
from l3c.models.base import load_model
from l3c.training import loop


def test_rounding_in_turn_beats_rounding_to_nearest() -> None:
    rng = np.random.default_rng(0)
    # Neighbouring pixels: all nearly equal.
    inputs = rng.normal(0, 1, (1, 500)) + rng.normal(0, 0.05, (20, 500))
    x = np.concatenate([inputs, np.ones((1, 500))])
    weights, step = rng.normal(0, 1, (7, 21)), np.full(7, 0.25)
    rounded = round_filters(weights, x @ x.T, step)
    assert np.array_equal(rounded, np.rint(rounded))
    assert np.abs(rounded * 0.25 - weights).max() < 1.5  # near, if not nearest
    nearest = np.rint(weights / 0.25)
    error, plain = (np.square((q * 0.25 - weights) @ x).mean() for q in (rounded, nearest))
    assert error < 0.1 * plain


def test_unseen_and_identical_inputs_are_rounded_too() -> None:
    x = np.concatenate([np.zeros((2, 9)), np.ones((3, 9))])
    rounded = round_filters(np.full((1, 5), 0.4), x @ x.T, np.ones(1))
    assert rounded[0, :2].tolist() == [0, 0]
    assert abs(rounded[0, 2:].sum() - 1.2) < 0.5


def test_calibration_sees_every_convolution_of_the_decoder() -> None:
    network = tiny()
    statistics = calibrate(network, [smooth(16, 24), smooth(3, 200)])
    assert statistics.subpixels == 16 * 24 * 3  # the other is too small for three scales
    parts = [*network.predictors.modules(), *network.classifiers.modules()]
    convolutions = {module for module in parts if isinstance(module, torch.nn.Conv2d)}
    assert set(statistics.inputs) == convolutions
    stack = network.predictors[0].stack
    assert (statistics.inputs[stack.last].sensitivity > 0).any()
    assert statistics.inputs[stack.last].moment[-1, -1] == 8 * 12  # the positions
    assert all(parameter.grad is None for parameter in network.parameters())


def test_nothing_to_calibrate_on_is_said() -> None:
    with pytest.raises(ValueError, match="no image with 8 pixels a side to calibrate on"):
        convert(tiny(), [smooth(7, 100)])


def test_parameters_are_clipped_where_the_coder_clips() -> None:
    shape = tiny().shape(0)
    bits, low, high = parameter_grids(shape)
    assert len(bits) == shape.parameters
    each = 3 * shape.mixtures
    assert [int(bits[i * each]) for i in range(4)] == [6, 8, 6, 12]
    assert (low[2 * each], high[2 * each]) == (-448, 512)
    assert (low <= 0).all()
    assert (high > 0).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("predictors.0.head.weight", float("nan")),
        ("predictors.0.head.weight", 1e38),  # finite, but not what comes of it
        ("classifiers.0.out.weight", float("inf")),
        ("classifiers.0.out.bias", float("inf")),
    ],
)
def test_what_is_not_finite_is_refused(name: str, value: float) -> None:
    network = tiny()
    with torch.no_grad():
        network.get_parameter(name)[0] = value
    with pytest.raises(ValueError, match="not finite"):
        convert(network, [smooth(32, 32)])


def test_a_model_file_holds_floats_and_integers(tmp_path: Path) -> None:
    target = tmp_path / "model.safetensors"
    card = {"name": "x", "recipe": recipe().model_dump(mode="json")}
    photos = {f"{i}.png": smooth(40 + i, 150) for i in range(30)}
    loop.convert_and_write(target, tiny(), photos, card)
    written = json.loads(target.with_suffix(".json").read_text())
    assert len(written["integer"]["calibrated_on"]) == loop.CALIBRATION_IMAGES
    assert max(written["integer"]["largest_partial_sum"].values()) <= 1 << 24
    model, integers = load_model(zoo.read_model(target))
    assert set(model.state_dict()) == set(tiny().state_dict())
    assert files.load(tiny(), integers).identity().hex() == written["integer_identity"]
    assert zoo.open_codec(target, "cpu").identity.hex() == written["integer_identity"]
