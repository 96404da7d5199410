"""Parity with the authors' release: the same weights give the same symbols, bits and gradients.

Checkpoints in the layout of the release become our networks, number by number.
"""

import io
import math
import os
import pickle
import shutil
import tarfile

import numpy as np
import pytest
import release
import torch

from l3c.models.authors_checkpoints import read_checkpoint
from l3c.models.l3c import L3C, RGB_MEAN, L3CSettings, quantize, to_values
from l3c.models.zoo import ModelError
from l3c.nn import mixture

KINDS = list(release.NAMES)
SCALES = {"l3c": 3, "rgb": 3, "rgb_shared": 4}  # that the release evaluates
HALF = 12.0  # a value of z in -1..1, in symbols


def images(outputs):
    return torch.from_numpy(outputs["image"]).permute(2, 0, 1)[None]


def in_symbols(shape, parameters, axis=0):
    """Parameters of the release, whose unit is a value of z or a pixel."""
    if shape.coupled:
        return parameters
    logits, mu, log_sigma = np.split(parameters, 3, axis)
    return np.concatenate([logits, mu * HALF + HALF, log_sigma + math.log(HALF)], axis)


@pytest.mark.parametrize("kind", KINDS)
def test_symbols_parameters_and_bits(kind):
    outputs, network = release.outputs(kind), release.network(kind, SCALES[kind])
    batch = images(outputs)
    with torch.no_grad():
        symbols = network.symbols(batch)
        bits = [float(each) for each in network.bits(batch).values()]
        for step, ((_, params),) in network.predictions(symbols):
            s = step.s - 1
            compare_step(network.shapes[s], s, params, symbols[s], outputs)
    for s, plane in enumerate(symbols[1:], start=1):
        np.testing.assert_array_equal(plane[0].numpy(), outputs[f"z{s}"])
    uniform = outputs[f"uniform_bits{SCALES[kind]}"]
    np.testing.assert_allclose(bits, [*outputs["bits"], uniform], rtol=1e-5)
    assert sum(bits) / batch.numel() == pytest.approx(float(outputs["bpsp"]), rel=1e-5)


def compare_step(shape, s, raw, plane, outputs):
    """The parameters of z^(s) and what its symbols cost, with the release's."""
    stride = outputs[f"stride{s}"]
    ours = raw[0, :, ::stride, ::stride].numpy()
    theirs = in_symbols(shape, outputs[f"parameters{s}"])
    each = shape.channels * shape.mixtures
    mu = slice(each, 2 * each)
    np.testing.assert_allclose(ours[mu], theirs[mu], atol=1e-3)
    np.testing.assert_allclose(np.delete(ours, mu, 0), np.delete(theirs, mu, 0), atol=1e-5)
    nats = mixture.negative_log_likelihood(plane, mixture.split(raw, shape), shape.levels)[0]
    compare_nats(nats.permute(2, 0, 1).numpy(), outputs[f"symbol_bits{s}"] * math.log(2))


def compare_nats(ours, theirs):
    """The release subtracts two sigmoids in float32: its p is off by 1e-7, whatever p is.

    It also gives no component less than 1e-12; below 12 nats that does not show.
    """
    likely = theirs < 12
    assert likely.mean() > 0.1
    tolerance = 1e-4 + 1e-6 * np.exp(theirs[likely].astype(float))
    assert (np.abs(ours - theirs)[likely] <= tolerance).all()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    network, batch = release.network(kind), images(release.outputs(kind))
    (torch.stack([*network.loss(batch).values()]).sum() / batch.numel()).backward()
    expected = release.gradients(kind)
    for theirs, ours in release.keys(kind).items():
        gradient = network.get_parameter(ours).grad
        norm, total = expected[theirs]
        assert float(gradient.norm()) == pytest.approx(norm, rel=1e-4), theirs
        least = 1e-4 * norm * math.sqrt(gradient.numel())  # of a sum of terms that cancel
        assert float(gradient.double().sum()) == pytest.approx(total, abs=least), theirs


def test_quantizer():
    pieces = np.load(release.FOLDER / "original_pieces.npz")
    z = torch.from_numpy(pieces["quantizer_z"]).requires_grad_()
    symbols = quantize(z, 25)
    values = to_values(symbols, 25)
    (values * torch.from_numpy(pieces["quantizer_weight"])).sum().backward()
    np.testing.assert_array_equal(symbols.detach().numpy(), pieces["quantizer_symbols"])
    np.testing.assert_allclose(values.detach().numpy(), pieces["quantizer_values"], atol=1e-6)
    np.testing.assert_allclose(z.grad.numpy(), pieces["quantizer_gradient"], atol=1e-5)
    np.testing.assert_allclose(to_values(torch.arange(25), 25).numpy(), pieces["levels"], atol=1e-6)


@pytest.mark.parametrize("piece", ["rgb", "z", "z_clamped"])
def test_mixture(piece):
    pieces = np.load(release.FOLDER / "original_pieces.npz")
    raw = torch.from_numpy(pieces[f"{piece}_parameters"]).requires_grad_()
    network = L3C(L3CSettings(features=12, blocks=0, mixtures=4))
    step = network.steps[-1 if piece == "rgb" else -2]  # that predicts x, or z^(1)
    units = network.modules_of(step)[1][0].units
    shape = units.shape
    params = mixture.split(units(raw), shape)
    x = torch.from_numpy(pieces[f"{piece}_symbols"]).float()
    nats = mixture.negative_log_likelihood(x, params, shape.levels)
    nats.sum().backward()
    means = params.mu
    if params.lam is not None:
        means = mixture.couple(means, params.lam, x.permute(0, 2, 3, 1)[..., None])
    unit, zero, log_unit = (1, 0, 0) if shape.coupled else (HALF, HALF, math.log(HALF))
    compared = ((means, "mu", unit, zero), (params.log_sigma, "log_sigma", 1, log_unit))
    for found, name, scale, shift in compared:
        ours = found.detach().movedim((1, 2), (-2, -1)).numpy()
        expected = pieces[f"{piece}_{name}"] * scale + shift
        np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-5, err_msg=name)
    theirs = pieces[f"{piece}_nats"]
    compare_nats(nats.detach().movedim(-1, 1).numpy(), theirs)
    owners = [*range(shape.channels)] * 3 + ([1, 2, 2] if shape.coupled else [])
    likely = np.repeat(theirs[:, owners] < 5, shape.mixtures, axis=1)
    gradient = pieces[f"{piece}_gradient"][likely]
    np.testing.assert_allclose(raw.grad.numpy()[likely], gradient, rtol=2e-4, atol=1e-4)
    at_the_limit = params.log_sigma <= -7 + log_unit + 1e-6
    assert bool(at_the_limit.any()) == (piece == "z_clamped")


ARCHIVE = release.FOLDER / "reduced_L3C.tar.gz"
NAME = "ckpt_0000000300.pt"
LOG = "0306_0001 cr oi"
EYE = torch.eye(3)[..., None, None]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The small checkpoint, trained by the release's own code."""
    folder = tmp_path_factory.mktemp("log")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / LOG / "ckpts" / NAME


def read(path, net, scales=None):
    """Of a checkpoint in the format of PyTorch 1.1, which is written there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"net": net, "optim": {}}, path, _use_new_zipfile_serialization=False)
    return read_checkpoint(path, scales)


def test_the_small_checkpoint_gives_the_releases_symbols_and_bits():
    expected = dict(np.load(release.FOLDER / "reduced_l3c_outputs.npz"))
    model = read_checkpoint(ARCHIVE).model
    batch = images(expected)
    with torch.no_grad():
        symbols = model.symbols(batch)
        bits = [float(each) for each in model.bits(batch).values()]
    for s, plane in enumerate(symbols[1:], 1):
        np.testing.assert_array_equal(plane[0].numpy(), expected[f"z{s}"])
    assert bits[:2] == pytest.approx(expected["bits"][:2], rel=1e-5)
    assert bits[3] == pytest.approx(float(expected["uniform_bits3"]), rel=1e-6)
    # The release's arithmetic is inexact for 33 symbols of z2 at more than 30 bits.
    assert bits[2] == pytest.approx(expected["bits"][2], rel=1e-3)
    assert sum(bits) / batch.numel() == pytest.approx(float(expected["bpsp"]), abs=1e-3)


def test_where_a_checkpoint_comes_from_is_known(small):
    for path in (ARCHIVE, small.parents[2], small.parents[1], small.parent, small):
        found = read_checkpoint(path)
        known = {"file": path.name, "checkpoint": NAME, "id": "0306_0001", "experiment": LOG}
        assert known | {"step": 300} == {
            key: value for key, value in found.source.items() if not key.endswith("sha256")
        }  # and not released_as: the id alone does not make it one
        assert found.train == {"steps": 300}
        assert ("archive_sha256" in found.source) == (path == ARCHIVE)
    shape = L3CSettings(features=16, blocks=2, mixtures=3, input_map="stored")
    assert found.model.settings == shape
    # Models older than the setting keep their identities.
    assert "input_map" not in L3CSettings().model_dump_json()
    with pytest.raises(ValueError, match="input_map"):
        L3CSettings(kind="rgb", input_map="stored")


@pytest.mark.parametrize(
    ("kind", "log"),
    [
        ("l3c", "0524_0004 cr in32 lr.schedule=exp_0.75_e1"),
        ("rgb", "0306_0003 cr_rgb oi"),
        ("rgb_shared", "0306_0002 cr_rgb_shared oi"),
    ],
)
def test_all_three_networks_at_full_size(kind, log, tmp_path):
    original = release.network(kind)
    keys = release.keys(kind).items()
    net = {theirs: original.get_parameter(ours).detach().clone() for theirs, ours in keys}
    net |= {"sub_rgb_mean.weight": EYE, "sub_rgb_mean.bias": -torch.tensor(RGB_MEAN)}
    if kind == "l3c":
        net |= {"heads.0.head.0.weight": EYE / 128, "heads.0.head.0.bias": torch.zeros(3)}
        for s in range(3):
            net[f"nets.{s}.enc.levels"] = net[f"nets.{s}.enc.q.levels"] = torch.linspace(-1, 1, 25)
    path = tmp_path / log / "ckpts" / "ckpt_0001002750.pt"
    found = read(path, net)
    model = found.model
    assert found.source["released_as"].startswith(release.NAMES[kind])
    assert (model.settings.kind, model.scales) == (kind, 4 if kind == "rgb_shared" else 3)
    for name, value in original.named_parameters():
        assert torch.equal(model.get_parameter(name), value), name
    batch = images(release.outputs(kind))
    with torch.no_grad():
        z = zip(model.symbols(batch), original.symbols(batch), strict=False)
        assert all(torch.equal(ours, theirs) for ours, theirs in z)
    crop = {"crop": 32, "decay_steps": 42_705} if kind == "l3c" else {}
    assert found.train == {"steps": 1_002_750} | crop
    lone = read_checkpoint(shutil.copy(path, tmp_path / "weights.pt"))
    assert "released_as" not in lone.source
    if kind == "rgb_shared":
        assert read_checkpoint(path, scales=2).model.scales == 2
        with pytest.raises(ModelError):  # another mean
            read(tmp_path / NAME, net | {"sub_rgb_mean.bias": 1 - torch.tensor(RGB_MEAN)})
    else:
        with pytest.raises(ModelError):
            read_checkpoint(path, scales=2)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nets.1.enc.down.weight", None),
        ("prob_clfs.2.atrous.lin.bias", None),
        ("nets.0.dec.head.weight", None),
        ("nets.0.extra.weight", torch.zeros(3)),
        ("heads.1.head.weight", torch.zeros(16, 16, 1, 1)),
        ("nets.2.enc.levels", torch.linspace(-1, 1, 25) ** 3),
        ("nets.2.enc.q.levels", torch.linspace(-1, 1, 24)),
        ("heads.0.head.0.bias", torch.full((3,), math.nan)),
        ("nets.0.dec.body.2.weight", torch.zeros(16, 16, 3, 3, dtype=torch.int64)),
    ],
)
def test_every_key_shape_and_value_is_checked(key, value, small, tmp_path):
    net = torch.load(small, weights_only=True, map_location="cpu")["net"]
    net.pop(key, None)
    with pytest.raises(ModelError) as error:
        read(tmp_path / NAME, net if value is None else net | {key: value})
    assert key in str(error.value)


def test_no_code_runs_and_nothing_is_unpacked(tmp_path, small):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    path = tmp_path / NAME
    for bad in (pickle.dumps({"net": Evil()}), b"", b"no checkpoint", small.read_bytes()[:9999]):
        path.write_bytes(bad)
        with pytest.raises(ModelError):
            read_checkpoint(path)
    torch.save({"net": Evil()}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ModelError):
        read_checkpoint(path)
    assert [each.name for each in tmp_path.iterdir()] == [NAME]


SEVERAL = {  # a text is a link to it
    f"{LOG}/ckpts/ckpt_0000000100.pt": b"older",
    f"{LOG}/ckpts/ckpt_0000000300.pt": b"older",
    f"{LOG}/ckpts/._ckpt_0000000900.pt": b"of another system",
    f"{LOG}/events.out.tfevents": b"",
}


def archive(path, members):
    with tarfile.open(path, "w") as file:
        for name, value in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(value, str):
                member.type, member.linkname = tarfile.SYMTYPE, value
            else:
                member.size = len(value)
            file.addfile(member, io.BytesIO(value) if isinstance(value, bytes) else None)
    return path


def test_the_last_checkpoint_of_one_experiment_is_taken(tmp_path, small):
    last = {f"{LOG}/ckpts/ckpt_0000000550.pt.tmp": small.read_bytes()}
    assert read_checkpoint(archive(tmp_path / "a.tar", SEVERAL | last)).source["step"] == 550
    for members in (
        {"0306_0001 cr oi/readme": b""},
        SEVERAL | {"0306_0002 cr oi/ckpts/ckpt_0000000100.pt": small.read_bytes()},
        {f"{LOG}/ckpt_0000000300.pt": "/etc/hostname"},
    ):
        with pytest.raises(ModelError):
            read_checkpoint(archive(tmp_path / "b.tar", members))
    (tmp_path / "cut.tar.gz").write_bytes(ARCHIVE.read_bytes()[:100_000])
    (tmp_path / "empty").mkdir()
    for name in ("cut.tar.gz", "nowhere.pt", "empty"):
        with pytest.raises(ModelError):
            read_checkpoint(tmp_path / name)
