"""The causal family: its training, its integers, its codec, and coding without PyTorch."""

import json
import shutil

import numpy as np
import pytest
import torch
from bare_install import run_bare
from golden import GOLDEN, writes
from PIL import Image
from safetensors.torch import save_file
from tiny_models import smooth
from train_toy import run

from coder import causal, causal_reference
from coder.causal import WeightError
from l3c.coding import decode_picture, encode_picture
from l3c.images.picture import Picture
from l3c.models import zoo
from l3c.models.base import load_model, write_model
from l3c.models.causal_network import (
    Causal,
    CausalSettings,
    bits_and_gradients,
    crop_inputs,
    integer_network,
    whole_tile,
)
from l3c.recipe import Recipe
from l3c.tile_coding import Choice
from tools.release import release

SMALL = {"width": 16, "hidden": 2, "mixtures": 2}
TRAIN = {"steps": 60, "crop": 24, "batch": 8, "optimizer": "adam", "learning_rate": 1e-2}


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


def crops(count=12, side=24):
    return np.stack([photograph(seed, side, side) for seed in range(count)])


def network(**settings):
    made = Causal(CausalSettings.model_validate(SMALL | settings))
    made.initialize(0)
    return made


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A trained model, as `l3c train` writes it."""
    content = {"name": "tiny", "family": "causal", "model": SMALL, "train": TRAIN}
    images = {str(seed): photograph(seed) for seed in range(3)}
    return run(tmp_path_factory.mktemp("causal"), Recipe.model_validate(content), images)


@pytest.fixture(scope="module")
def codec(weights):
    return zoo.open_codec(weights)


def test_training_sees_what_the_coder_sees():
    pixels = photograph(14, 21, 26)
    inputs, med, x = crop_inputs(whole_tile(pixels))
    features, anchor = causal_reference.features(pixels)
    np.testing.assert_array_equal(inputs.numpy(), features.reshape(inputs.shape))
    np.testing.assert_array_equal(med, anchor.reshape(med.shape))
    np.testing.assert_array_equal(x, pixels.reshape(x.shape))
    inside, _, _ = crop_inputs(whole_tile(pixels)[:, 5:17, 2:19])
    np.testing.assert_array_equal(inside.numpy(), features[5:14, 2:13].reshape(inside.shape))


def test_gradients_by_hand_are_those_of_finite_differences():
    made, images = network(width=32, hidden=3, mixtures=4), crops()
    bits, gradients = bits_and_gradients(made, images)
    for parameter, gradient in zip(made.parameters(), gradients, strict=True):
        step = 1e-3 * gradient / gradient.norm() * (1 + parameter.detach().norm())
        with torch.no_grad():
            parameter += step
            more = bits_and_gradients(made, images, False)[0]
            parameter -= 2 * step
            less = bits_and_gradients(made, images, False)[0]
            parameter += step
        assert more - less == pytest.approx(float(2 * (step * gradient).sum()), rel=0.05)
    images_of = torch.from_numpy(images).permute(0, 3, 1, 2)
    made.loss(images_of)["x"].backward()
    assert all(parameter.grad is not None for parameter in made.parameters())
    assert bits > 0


def test_lower_precision_is_close():
    made, images = network(), crops()
    bits, exact = bits_and_gradients(made, images)
    with torch.autocast("cpu", torch.bfloat16):
        rough_bits, rough = bits_and_gradients(made, images)
    assert rough_bits == pytest.approx(bits, rel=1e-2)
    for mine, theirs in zip(rough, exact, strict=True):
        assert (mine - theirs).norm() < 0.05 * theirs.norm()


def test_it_learns_and_files_are_as_small_as_it_promises(weights, codec):
    pixels = photograph(11, 200, 220)
    model, _ = load_model(zoo.read_model(weights))
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    promised = float(model.bits(images)["x"])
    assert promised < 0.9 * float(network().bits(images)["x"])
    without = causal.no_bias(codec.network)
    payload = causal.encode_tile(pixels, codec.network, without)
    assert 8 * len(payload) == pytest.approx(promised, rel=5e-3)
    exact = causal.pixel_bits(pixels, codec.network, without)
    assert 8 * len(payload) == pytest.approx(exact.sum(), rel=2e-3)
    assert len(codec.encode(pixels)[0]) < len(payload)
    assert 8 * len(codec.encode(pixels)[0]) == pytest.approx(
        codec.cross_entropy_bits(pixels), rel=2e-3
    )


def test_large_weights_stay_within_32_bits_or_are_refused():
    made, inputs = network(), crop_inputs(crops(4))[0].numpy()
    for _ in range(2):
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.mul_(4)
        assert max(integer_network(made, inputs).largest_sums) < 2**31
    with torch.no_grad():
        made.last.weight.mul_(1e4)
    with pytest.raises(WeightError):
        integer_network(made, inputs)


def test_a_release_holds_integers_alone(weights, tmp_path, codec):
    file = release(weights, "small", tmp_path)
    assert file.card["precision"] == "integers"
    assert file.identity("integer") == codec.identity
    assert file.identity("float") == b""
    assert zoo.open_codec(file).identity == codec.identity
    assert file.weights.stat().st_size < 0.7 * weights.stat().st_size
    with pytest.raises(zoo.ModelError):
        load_model(file)
    for device, arithmetic in (("cpu", "float"), ("cuda", "integer")):
        with pytest.raises(zoo.NoArithmeticError):
            zoo.open_codec(file, device, arithmetic)


def test_models_that_could_overflow_or_lack_something_are_refused(weights, tmp_path):
    _, integers = load_model(zoo.read_model(weights))
    last, target = integers["layer2.weights"], tmp_path / weights.name
    shutil.copy(weights.with_suffix(".json"), target.with_suffix(".json"))
    for changed in (
        integers | {"layer2.weights": torch.full_like(last, 32767)},
        integers | {"layer2.weights": last.float()},
        integers | {"layer9.weights": last.clone()},
        {},
    ):
        save_file({zoo.INTEGER_PREFIX + name: each for name, each in changed.items()}, target)
        with pytest.raises(zoo.ModelError, match=target.name):
            zoo.open_codec(target)


CODING = """
import numpy as np
from PIL import Image
import l3c
from l3c.cli import main
weights, source, folder = sys.argv[1:]
assert main(["encode", source, "-o", f"{folder}/a.l3c", "--model", weights, "-q"]) == 0
for command in ("info", "verify"):
    assert main([command, f"{folder}/a.l3c", "--model", weights]) == 0
assert main(["decode", f"{folder}/a.l3c", "-o", f"{folder}/b.png", "--model", weights, "-q"]) == 0
image = np.asarray(Image.open(source))
assert (np.asarray(Image.open(f"{folder}/b.png")) == image).all()
model = l3c.open_model(weights)
data = model.encode(image)
assert (model.decode(data) == image).all()
Image.fromarray(image[:, :, 0]).save(f"{folder}/grey.l3c")
assert (np.asarray(Image.open(f"{folder}/grey.l3c")) == image[:, :, 0]).all()
"""


def test_coding_needs_no_torch(weights, tmp_path):
    source = tmp_path / "a.png"
    Image.fromarray(photograph(3)).save(source)
    ended = run_bare(CODING, weights, source, tmp_path)
    assert ended.returncode == 0, ended.stderr


def golden_image():
    """Integers alone, so that every machine makes the same; large enough for a bias and lanes."""
    y, x = np.mgrid[:90, :110]
    noise = (y * 7919 + x * 104_729) % 1009 % 13
    planes = [(x * a + y * b) // 3 + noise for a, b in ((2, 1), (1, 3), (3, 2))]
    return (np.stack(planes, axis=2) % 256).astype(np.uint8)


def test_the_golden_file_decodes_for_ever():
    target = GOLDEN / "causal-file.safetensors"
    if writes(target):
        made = network()
        integers = made.to_integers([golden_image(), smooth(64, 64)])
        recipe = {"name": "golden", "family": "causal", "model": SMALL}
        write_model(target, made, integers, {"recipe": recipe}, half=True)
    codec = zoo.open_codec(target)
    if writes(target.with_suffix(".l3c")):
        data = encode_picture(Picture.from_array(golden_image()), codec, choice=Choice.NETWORK)
        target.with_suffix(".l3c").write_bytes(data)
    known = json.loads(target.with_suffix(".json").read_text())
    assert codec.identity.hex() == known["integer_identity"]
    data = target.with_suffix(".l3c").read_bytes()
    picture = decode_picture(data, lambda *model: codec)
    assert (picture.samples == golden_image()).all()
