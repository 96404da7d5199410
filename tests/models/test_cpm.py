"""CPM: the paper's numbers, what each gradient reaches, and its file."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import train_toy
from PIL import Image
from tiny_models import smooth, tiny_causal

import l3c
from coder import volume
from coder.errors import CorruptStreamError
from l3c.bench.lossy import psnr
from l3c.cli.exits import Exit
from l3c.coding import encode_picture
from l3c.fileformat.container import Tile, pack, unpack
from l3c.fileformat.errors import ModelMismatchError, NotExactError, NotL3CError
from l3c.images.picture import Picture, PictureError, Section
from l3c.lossy import decode_lossy, decode_symbols, encode_lossy, lossy_codec
from l3c.models import zoo
from l3c.models.base import load_model, write_model
from l3c.models.cpm import CPM, Bottleneck, Conv, CPMSettings, cut, pad
from l3c.models.tile_codec import UnsupportedError
from l3c.nn.ms_ssim import ms_ssim
from l3c.recipe import Recipe
from l3c.tile_coding import Choice

TINY = {"bottleneck": 4, "features": 16, "groups": 1, "context": 8, "target": 0.2}


def tiny(**settings):
    made = CPM(CPMSettings.model_validate(TINY | settings))
    made.initialize(0)
    return made


def crops(count=2, side=32):
    images = [smooth(side, side + i)[:, :side].transpose(2, 0, 1) for i in range(count)]
    return torch.from_numpy(np.stack(images))


def count(parameters):
    return sum(p.numel() for p in parameters)


@pytest.mark.parametrize(("bottleneck", "total"), [(32, 10_016_078), (64, 10_155_406)])
def test_the_networks_are_as_large_as_the_papers(bottleneck, total):
    groups = CPM(CPMSettings(bottleneck=bottleneck)).param_groups()
    assert (count(groups["autoencoder"]), count(groups["context"])) == (total, 23_838)


@pytest.mark.parametrize(("kernel", "up"), [(5, False), (3, True), (5, True)])
def test_convolutions_are_aligned_as_tensorflows(kernel, up):
    """SAME with stride 2 begins 1 before; transposed, 3 taps lose the last, 5 the first too."""
    layer, x = Conv(1, 1, kernel, 2, up=up), torch.rand(1, 1, 6, 8)
    conv = layer[0] if up else layer[1]
    with torch.no_grad():
        found = layer[1](layer[0](x))[0, 0].numpy()
        filters, image = conv.weight[0, 0].numpy(), x[0, 0].numpy()
    if up:
        full = np.zeros((2 * 6 + 8, 2 * 8 + 8))
        for (i, j), value in np.ndenumerate(image):
            full[2 * i : 2 * i + kernel, 2 * j : 2 * j + kernel] += value * filters
        first = int(kernel == 5)
        expected = full[first : first + 12, first : first + 16]
    else:
        padded = np.pad(image, (1, 2))
        expected = np.array(
            [
                [(padded[i : i + 5, j : j + 5] * filters).sum() for j in range(0, 8, 2)]
                for i in range(0, 6, 2)
            ]
        )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_the_quantizer_is_hard_forward_and_soft_backward():
    made = tiny()
    z = torch.linspace(-3, 3, 50).requires_grad_()
    values, symbols = made.quantize(z)
    distance = (z[:, None] - made.centres) ** 2
    assert (symbols == distance.argmin(1)).all()
    torch.testing.assert_close(values, made.centres[symbols])
    soft = (torch.softmax(-distance, 1) * made.centres).sum(1)
    for parameter in (z, made.centres):
        hard_gradient = torch.autograd.grad(values.sum(), parameter, retain_graph=True)
        soft_gradient = torch.autograd.grad(soft.sum(), parameter, retain_graph=True)
        torch.testing.assert_close(hard_gradient, soft_gradient)


def test_the_rate_reaches_the_encoder_through_the_importance_map_alone():
    made, x = tiny(), crops().float()
    found = made.encode(x)
    assert found.importance.min() >= 0
    assert found.importance.max() <= 1
    made.symbol_bits(found).sum().backward()
    assert all(p.grad is None for p in made.param_groups()["autoencoder"])
    assert all(p.grad is not None for p in made.context.parameters())
    made.zero_grad(set_to_none=True)
    found = made.encode(x)
    (found.importance * made.symbol_bits(found).detach()).sum().backward()
    assert made.encoder[0][1].weight.grad.abs().sum() > 0
    assert made.centres.grad is None


@torch.no_grad()
def test_the_loss_is_the_papers():
    made, images = tiny(target=0), crops()
    terms = {name: float(value) / images.numel() for name, value in made.loss(images).items()}
    found = made.encode(images.float())
    bits = made.symbol_bits(found)
    rate = float((bits.mean() + (found.importance * bits).mean()) / 2)
    assert terms["rate"] == pytest.approx(500 * rate, rel=1e-4)
    squares = sum(
        float((p**2).sum())
        for part in (made.encoder, made.decoder)
        for p in part.parameters()
        if p.ndim == 4
    )
    decay = 0.005 * squares / 2 + 0.1 * float((made.centres**2).sum()) / 2
    assert terms["regularization"] == pytest.approx(decay, rel=1e-4)
    y = made.decode(found.values)
    assert terms["distortion"] == pytest.approx(
        5000 * (1 - float(ms_ssim(images.float(), y, training=True))), rel=1e-4
    )
    assert tiny(target=9).loss(images)["rate"] == 0  # a hinge
    error = float(tiny(distortion="mse").loss(images)["distortion"]) / images.numel()
    psnr = float(tiny(distortion="psnr").loss(images)["distortion"]) / images.numel()
    assert psnr == pytest.approx(100 - 10 * np.log10(255**2 / error))


@torch.no_grad()
def test_lower_precision_does_not_blur_the_distortion():
    made, x = tiny(), crops().float()
    y = (x + 2).clamp(0, 255)
    exact = made.distortion(x, y)
    with torch.autocast("cpu", torch.bfloat16):
        assert made.distortion(x, y.bfloat16()) == pytest.approx(float(exact), rel=0.05, abs=1)
        assert made.distortion(x, y) == exact
        assert all(term.isfinite() for term in made.loss(crops()).values())


def test_measuring_leaves_training_as_it_was():
    made, images = tiny(), crops()
    made.loss(images)
    before = {name: value.clone() for name, value in made.state_dict().items()}
    assert made.bits(images)["symbols"] > 0
    quality = made.quality(images[:, :, :21, :19])
    assert [*quality] == ["ms_ssim", "psnr"]
    assert all(each.shape == (2,) for each in quality.values())
    assert [*made.quality(images[:, :, :8, :8])] == ["psnr"]
    assert made.training
    assert all((value == before[name]).all() for name, value in made.state_dict().items())
    odd = images[:, :, :21, :19].float()
    padded = pad(odd)
    assert padded.shape[2:] == (24, 24)
    assert (padded[:, :, 0, 2:-3] == odd[:, :, 0]).all()  # edges go on: 1 of 3 rows, 2 of 5 columns
    assert (cut(padded, 21, 19) == odd).all()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A model that `l3c train` writes."""
    train = {"steps": 40, "crop": 32, "batch": 4, "optimizer": "adam", "learning_rate": 3e-3}
    content = {"name": "tiny", "family": "cpm", "model": TINY, "train": train}
    images = {"a": smooth(64, 72), "b": smooth(80, 66)}
    return train_toy.run(tmp_path_factory.mktemp("cpm"), Recipe.model_validate(content), images)


@pytest.fixture(scope="module")
def codec(weights):
    return zoo.open_codec(weights)


def photograph():
    return smooth(203, 250)


def test_integers_predict_what_the_network_predicts(weights, codec):
    model, _ = load_model(zoo.read_model(weights))
    image = photograph()
    symbols = codec.symbols(image)
    with torch.no_grad(), model.evaluating():
        chosen = torch.from_numpy(symbols).long()[None]
        values = model.centres[chosen]
        logits = model.context(values, model.centres[0])[0].permute(1, 2, 3, 0).numpy()
        promised = float(model.symbol_bits(Bottleneck(values, chosen, values)).sum())
    found = volume.logits(symbols, codec.network) / 64
    assert np.abs(found - logits).max() < 0.05
    (data,) = codec.encode(image)
    assert 8 * len(data) == pytest.approx(promised, rel=1e-3, abs=32)
    assert codec.cross_entropy_bits(image) == pytest.approx(promised, rel=1e-3)


def test_a_tile_becomes_its_reconstruction(weights, codec):
    image = photograph()
    (data,) = codec.encode(image)
    decoded = codec.decode([data], *image.shape[:2])
    model, _ = load_model(zoo.read_model(weights))
    batch = torch.from_numpy(image.transpose(2, 0, 1)[None].copy())
    with torch.no_grad(), model.evaluating():
        chosen = model.encode(pad(batch.float())).symbols[0].numpy()
        values = model.centres[torch.from_numpy(codec.symbols(image)).long()][None]
        expected = cut(model.decode(values), 203, 250)[0].permute(1, 2, 0).numpy()
    assert (codec.symbols(image) == chosen).mean() > 0.98  # E may compute in bfloat16
    assert np.abs(decoded - (expected - 0.5)).max() < 0.51  # truncated
    assert psnr(image, decoded) == pytest.approx(float(model.quality(batch)["psnr"]), abs=0.2)
    assert (volume.decode_volume(data, codec.network, (4, 26, 32)) == codec.symbols(image)).all()
    assert codec.decode(codec.encode(image[:3, :5]), 3, 5).shape == (3, 5, 3)


def test_a_file_holds_symbols_and_metadata(codec):
    picture = Picture.from_array(photograph())
    picture = replace(picture, sections={Section.XMP: b"<x/>"})
    data = encode_lossy(picture, codec)
    decoded = decode_lossy(data, lambda *model: codec)
    assert decoded.sections == picture.sections
    assert (decoded.samples == codec.decode(codec.encode(picture.samples), 203, 250)).all()
    assert (decode_symbols(data, lambda *model: codec) == codec.symbols(picture.samples)).all()
    file = unpack(data)
    tile = file.tiles[0]
    longer = Tile.of(bytes(tile.payload or b"") + b"\0", codec.symbols(picture.samples))
    changes = [
        ({"tiles": (replace(tile, pixels_crc=1),)}, NotExactError),
        ({"tiles": (longer,)}, CorruptStreamError),
        ({"model": b"8 others"}, ModelMismatchError),
    ]
    for change, error in changes:
        with pytest.raises(error):
            decode_lossy(pack(replace(file, **change)), lambda *model: codec)
    for samples in (photograph()[:, :, 0], np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(PictureError):
            encode_lossy(Picture.from_array(samples), codec)
    with pytest.raises(UnsupportedError):
        lossy_codec(tiny_causal())


def test_the_command_codes_lossy_files(weights, codec, tmp_path, run):
    image, coded, back = tmp_path / "a.png", tmp_path / "a.l3y", tmp_path / "b.png"
    Image.fromarray(photograph()).save(image)
    model = ["--model", weights]
    assert run("encode", *model, image).code == Exit.GOOD
    assert run("encode", *model, image, "-o", tmp_path / "a.l3c").code == Exit.FAILED
    assert run("encode", image, "-o", coded, "--force").code == Exit.FAILED  # lossless
    for option in (["--tile-side", "64"], ["--network"], ["--arithmetic", "float"]):
        assert run("encode", *model, *option, image).code == Exit.USAGE
    assert run("verify", *model, coded).code == Exit.GOOD
    (info,) = run("info", *model, coded, "--json").content["files"]
    assert (info["lossy"], info["model_name"], info["height"]) == (True, "tiny", 203)
    assert info["model"] == codec.identity.hex()
    assert info["bpp"] == 8 * coded.stat().st_size / (203 * 250)
    assert run("decode", *model, coded, "-o", back).code == Exit.GOOD
    expected = codec.decode(codec.encode(photograph()), 203, 250)
    assert (np.asarray(Image.open(back)) == expected).all()
    part = ["--region", "3,4,50,40", "--force"]
    assert run("decode", *model, coded, "-o", back, *part).code == Exit.GOOD
    assert (np.asarray(Image.open(back)) == expected[4:44, 3:53]).all()
    assert run("decode", *model, coded, "--salvage", "--force").code == Exit.FAILED
    opened = l3c.open_model(weights)
    assert opened.encode_lossy(photograph()) == coded.read_bytes()
    assert (opened.decode_lossy(coded.read_bytes()) == expected).all()
    with pytest.raises(NotL3CError):
        opened.decode(coded.read_bytes())


def test_a_release_keeps_what_decoding_needs(weights, tmp_path):
    file = zoo.read_model(weights)
    model, integers = load_model(file)
    written = write_model(tmp_path / "half.safetensors", model, integers, file.card, half=True)
    assert (written.card["precision"], written.card["lossy"]) == ("float16", True)
    opened = lossy_codec(zoo.open_codec(written))
    assert opened.reconstruct(opened.symbols(photograph()), 203, 250).shape == (203, 250, 3)


def test_a_lossy_file_is_never_called_lossless(codec):
    picture = Picture.from_array(photograph())
    for choice in Choice:
        with pytest.raises(UnsupportedError):
            encode_picture(picture, codec, choice=choice)
    with pytest.raises(UnsupportedError):
        tiny().codec()
