"""The causal network in float, its training, and what becomes of it in integers."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from coder import causal, causal_reference
from coder.causal import CausalNetwork, WeightError
from l3c.models.causal import (
    CausalPredictor,
    CausalSettings,
    backward,
    bits_per_subpixel,
    crop_inputs,
    mixture_bits,
    to_integers,
)
from l3c.models.causal_training import (
    CausalTrainer,
    CausalTraining,
    Pool,
    make_pool,
    train,
    whole_tile,
)

SMALL = CausalSettings(width=16, hidden=2, mixtures=2)


def photograph(seed, height=150, width=170):
    """Smooth, with edges and a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = sum(
        rng.uniform(5, 40) * np.sin(rng.uniform(0.01, 0.2) * x + rng.uniform(0.01, 0.2) * y)
        for _ in range(5)
    )
    edge = 60 * (x * rng.uniform(0.5, 2) > y)
    colors = rng.uniform(0.6, 1.2, 3)
    noise = rng.normal(0, 2, (height, width, 3))
    return np.clip((120 + waves + edge)[:, :, None] * colors + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    for seed in range(3):
        Image.fromarray(photograph(seed)).save(folder / f"{seed}.png")
    path = folder.parent / "pool.u8"
    make_pool(folder, path)
    return Pool(path)


def trainer(pool, **changes):
    chosen = {"steps": 60, "crops": 8, "size": 16, "final_share": 0.5} | changes
    return CausalTrainer(SMALL, CausalTraining(**chosen), pool)


@pytest.fixture(scope="module")
def trained(pool):
    t = trainer(pool)
    while t.step < t.training.steps:
        t.advance()
    return t


def test_training_sees_what_the_coder_sees():
    pixels = photograph(14, 21, 26)
    inputs, med, x = crop_inputs(whole_tile(pixels))
    features, anchor = causal_reference.features(pixels)
    np.testing.assert_array_equal(inputs.numpy(), features.reshape(inputs.shape))
    np.testing.assert_array_equal(med, anchor.reshape(med.shape))
    np.testing.assert_array_equal(x, pixels.reshape(x.shape))
    inside, _, _ = crop_inputs(whole_tile(pixels)[:, 5:17, 2:19])
    np.testing.assert_array_equal(inside.numpy(), features[5:14, 2:13].reshape(inside.shape))


def test_gradients_by_hand_are_those_of_autograd(pool):
    network = CausalPredictor(CausalSettings(width=32, hidden=3, mixtures=4))
    crops = pool.crops(np.random.default_rng(0), 12, 16, 0.3)
    inputs, med, x = crop_inputs(crops)
    bits = backward(network, inputs, med, x)
    by_hand = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()
    parameters = network(inputs)
    total, gradient = mixture_bits(parameters.detach(), med, x)
    parameters.backward(gradient / x.size)
    assert bits == pytest.approx(total / x.size)
    assert bits == pytest.approx(bits_per_subpixel(network, inputs, med, x))
    for mine, parameter in zip(by_hand, network.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-4, atol=1e-6)


def test_lower_precision_is_close(pool):
    network = CausalPredictor(SMALL)
    batch = crop_inputs(pool.crops(np.random.default_rng(0), 12, 16, 0.3))
    exact = backward(network, *batch)
    by_exact = [p.grad.clone() for p in network.parameters()]
    assert backward(network, *batch, torch.bfloat16) == pytest.approx(exact, rel=1e-2)
    for parameter, mine in zip(network.parameters(), by_exact, strict=True):
        assert (parameter.grad - mine).norm() < 0.05 * mine.norm()


def test_training_learns_and_repeats_itself(pool, trained):
    inputs, med, x = crop_inputs(whole_tile(photograph(9)))
    before = bits_per_subpixel(trainer(pool).network, inputs, med, x)
    after = bits_per_subpixel(trained.average, inputs, med, x)
    assert after < 0.9 * before
    again = trainer(pool)
    while again.step < 7:
        again.advance()
    restored = trainer(pool, seed=5)
    restored.load(again.state())
    while restored.step < trained.step:
        restored.advance()
    for mine, theirs in zip(
        restored.network.parameters(), trained.network.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


def test_a_stopped_run_goes_on_and_leaves_integers(pool, tmp_path):
    validation = {"own": [whole_tile(photograph(9, 32, 32))]}
    train(trainer(pool, steps=4), tmp_path, validation)
    train(trainer(pool, steps=9), tmp_path, validation)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [4, 9]
    whole = trainer(pool, steps=4)
    while whole.step < 4:
        whole.advance()
    whole.training = CausalTraining(steps=9, crops=8, size=16, final_share=0.5)
    while whole.step < 9:
        whole.advance()
    with np.load(tmp_path / "weights.npz") as file:
        kept = dict(file)
    for name, array in whole.integers().to_arrays().items():
        np.testing.assert_array_equal(kept[name], array)


def test_files_are_as_small_as_the_float_network_promises(pool, trained):
    pixels = photograph(11, 200, 220)
    network = trained.integers()
    payload = causal.encode_tile(pixels, network, causal.no_bias(network))
    np.testing.assert_array_equal(causal.decode_tile(payload, network, 200, 220), pixels)
    promised = bits_per_subpixel(trained.average, *crop_inputs(whole_tile(pixels)))
    assert 8 * len(payload) / pixels.size == pytest.approx(promised, rel=5e-3)
    assert len(causal.encode_tile(pixels, network)) < len(payload)


@pytest.mark.parametrize("moved", [-20, 0, 20])
def test_units_have_room_on_both_sides(pool, moved):
    """Negative units have a quarter of the range; scales from the positive ones cost 20 % once."""
    network = CausalPredictor(SMALL)
    with torch.no_grad():
        for layer in network.linear()[:-1]:
            layer.bias.add_(moved)
    inputs = crop_inputs(pool.crops(np.random.default_rng(0), 30, 16, 0.3))[0].numpy()
    units = inputs.astype(np.int64)
    for layer in to_integers(network, inputs).layers[:-1]:
        units = causal_reference.layer_outputs(layer, units, last=False)
        assert units.max() < layer.top / 2
        assert units.min() > -(2**12) / 2
        assert max(units.max() / layer.top, -units.min() / 2**12) > 0.2


def test_integers_go_through_arrays(trained):
    arrays = trained.integers().to_arrays()
    again = CausalNetwork.from_arrays(arrays)
    pixels = photograph(12, 9, 9)
    np.testing.assert_array_equal(
        causal.parameters(pixels, again), causal.parameters(pixels, trained.integers())
    )
    for name in arrays:
        with pytest.raises(WeightError):
            CausalNetwork.from_arrays({k: v for k, v in arrays.items() if k != name})
    with pytest.raises(WeightError):
        CausalNetwork.from_arrays({})


def test_large_weights_stay_within_32_bits_or_are_refused(pool):
    network = CausalPredictor(SMALL)
    inputs = crop_inputs(pool.crops(np.random.default_rng(0), 4, 16, 0.3))[0].numpy()
    for _ in range(2):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(4)
        assert max(to_integers(network, inputs).largest_sums) < 2**31
    with torch.no_grad():
        network.last.weight.mul_(1e4)
    with pytest.raises(WeightError):
        to_integers(network, inputs)
