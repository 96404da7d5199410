"""Checkpoints in the layout of the authors' release become our networks, number by number."""

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

from l3c.models.authors_checkpoints import CheckpointError, read_checkpoint
from l3c.models.l3c import RGB_MEAN, L3CSettings
from l3c.nn.mixture import negative_log_likelihood

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
    images = torch.from_numpy(expected["image"]).permute(2, 0, 1)[None]
    with torch.no_grad():
        pyramid = model.bottlenecks(images)
        bits = [float(each) for each in model.bits(images).values()]
        (params,), _ = model.predict(model.steps[0], pyramid[2].values, None)
        nats = negative_log_likelihood(pyramid[1].symbols.float(), model.split(2, params), 25)
    for s, bottleneck in enumerate(pyramid, 1):
        np.testing.assert_array_equal(bottleneck.symbols[0].numpy(), expected[f"z{s}"])
    assert bits[:2] == pytest.approx(expected["bits"][:2], rel=1e-5)
    assert bits[3] == pytest.approx(float(expected["uniform_bits3"]), rel=1e-6)
    # The release's arithmetic is inexact for 33 symbols of z2 at more than 30 bits.
    assert bits[2] == pytest.approx(expected["bits"][2], rel=1e-3)
    likely, z2_bits = expected["symbol_bits2"] < 20, nats[0].permute(2, 0, 1).numpy() / math.log(2)
    assert z2_bits[likely] == pytest.approx(expected["symbol_bits2"][likely], abs=2e-3)
    assert sum(bits) / images.numel() == pytest.approx(float(expected["bpsp"]), abs=1e-3)


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
    images = torch.from_numpy(release.outputs(kind)["image"]).permute(2, 0, 1)[None]
    with torch.no_grad():
        z = zip(model.bottlenecks(images), original.bottlenecks(images), strict=False)
        assert all(torch.equal(ours.symbols, theirs.symbols) for ours, theirs in z)
    crop = {"crop": 32, "decay_steps": 42_705} if kind == "l3c" else {}
    assert found.train == {"steps": 1_002_750} | crop
    lone = read_checkpoint(shutil.copy(path, tmp_path / "weights.pt"))
    assert "released_as" not in lone.source
    if kind == "rgb_shared":
        assert read_checkpoint(path, scales=2).model.scales == 2
        with pytest.raises(CheckpointError):  # another mean
            read(tmp_path / NAME, net | {"sub_rgb_mean.bias": 1 - torch.tensor(RGB_MEAN)})
    else:
        with pytest.raises(CheckpointError):
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
    with pytest.raises(CheckpointError) as error:
        read(tmp_path / NAME, net if value is None else net | {key: value})
    assert key in str(error.value)


def test_no_code_runs_and_nothing_is_unpacked(tmp_path, small):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    path = tmp_path / NAME
    for bad in (pickle.dumps({"net": Evil()}), b"", b"no checkpoint", small.read_bytes()[:9999]):
        path.write_bytes(bad)
        with pytest.raises(CheckpointError):
            read_checkpoint(path)
    torch.save({"net": Evil()}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError):
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
        with pytest.raises(CheckpointError):
            read_checkpoint(archive(tmp_path / "b.tar", members))
    (tmp_path / "cut.tar.gz").write_bytes(ARCHIVE.read_bytes()[:100_000])
    (tmp_path / "empty").mkdir()
    for name in ("cut.tar.gz", "nowhere.pt", "empty"):
        with pytest.raises(CheckpointError):
            read_checkpoint(tmp_path / name)
