"""Checkpoints in the layout of the authors' release become our networks, number by number."""

import io
import math
import os
import pickle
import shutil
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import release
import torch
from torch import Tensor

from l3c.models.authors_checkpoints import CheckpointError, read_checkpoint
from l3c.models.l3c import L3C, RGB_MEAN, L3CSettings
from l3c.nn.mixture import negative_log_likelihood

ARCHIVE = release.FOLDER / "reduced_L3C.tar.gz"
NAME = "ckpt_0000000300.pt"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small checkpoint, trained by the release's own code."""
    folder = tmp_path_factory.mktemp("log")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "0306_0001 cr oi" / "ckpts" / NAME


def content(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True, map_location="cpu")


def written(path: Path, net: dict[str, Tensor]) -> Path:
    """A checkpoint in the format of PyTorch 1.1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"net": net, "optim": {}}, path, _use_new_zipfile_serialization=False)
    return path


def test_the_small_checkpoint_gives_the_releases_symbols_and_bits() -> None:
    expected = dict(np.load(release.FOLDER / "reduced_l3c_outputs.npz"))
    found = read_checkpoint(ARCHIVE)
    model, images = found.model, torch.from_numpy(expected["image"]).permute(2, 0, 1)[None]
    with torch.no_grad():
        pyramid = model.bottlenecks(images)
        bits = [float(each) for each in model.bits(images).values()]
    for s, bottleneck in enumerate(pyramid, 1):
        np.testing.assert_array_equal(bottleneck.symbols[0].numpy(), expected[f"z{s}"])
    assert bits[:2] == pytest.approx(expected["bits"][:2], rel=1e-5)
    assert bits[3] == pytest.approx(float(expected["uniform_bits3"]), rel=1e-6)
    # The release's arithmetic is inexact for 33 symbols of z2 at more than 30 bits.
    assert bits[2] == pytest.approx(expected["bits"][2], rel=1e-3)
    likely = expected["symbol_bits2"] < 20
    symbol_bits = z2_bits(model, images)
    assert symbol_bits[likely] == pytest.approx(expected["symbol_bits2"][likely], abs=2e-3)
    assert sum(bits) / images.numel() == pytest.approx(float(expected["bpsp"]), abs=1e-3)


def z2_bits(model: L3C, images: Tensor) -> np.ndarray:
    with torch.no_grad():
        pyramid = model.bottlenecks(images)
        (params,), _ = model.predict(model.steps[0], pyramid[2].values, None)
        symbols = pyramid[1].symbols.float()
        nats = negative_log_likelihood(symbols, model.split(2, params), 25)
    return nats[0].permute(2, 0, 1).numpy() / math.log(2)


def test_where_a_checkpoint_comes_from_is_known(small: Path) -> None:
    log = small.parents[2]
    for path in (ARCHIVE, log, small.parents[1], small.parent, small):
        found = read_checkpoint(path)
        assert found.source["file"] == path.name
        assert found.source["checkpoint"] == NAME
        assert (found.source["id"], found.source["step"]) == ("0306_0001", 300)
        assert found.source["experiment"] == "0306_0001 cr oi"
        assert found.train == {"steps": 300}
        assert "released_as" not in found.source  # the id alone does not make it one
        assert ("archive_sha256" in found.source) == (path == ARCHIVE)
    assert found.model.settings == L3CSettings(
        features=16, blocks=2, mixtures=3, input_map="stored"
    )


@pytest.mark.parametrize("kind", list(release.NAMES))
def test_all_three_networks_at_full_size(kind: str, tmp_path: Path) -> None:
    original = release.network(kind)
    net = OrderedDict(
        (theirs, original.get_parameter(ours).detach().clone())
        for theirs, ours in release.keys(kind).items()
    )
    mean = torch.tensor(RGB_MEAN)
    net["sub_rgb_mean.weight"] = torch.eye(3)[..., None, None]
    net["sub_rgb_mean.bias"] = -mean
    if kind == "l3c":
        net["heads.0.head.0.weight"] = torch.eye(3)[..., None, None] / 128
        net["heads.0.head.0.bias"] = torch.zeros(3)
        for s in range(3):
            levels = torch.linspace(-1, 1, 25)
            net[f"nets.{s}.enc.levels"] = net[f"nets.{s}.enc.q.levels"] = levels
    number = {"l3c": "0524_0004", "rgb": "0306_0003", "rgb_shared": "0306_0002"}[kind]
    config = {"l3c": "cr in32 lr.schedule=exp_0.75_e1"}.get(kind, f"cr_{kind} oi")
    path = tmp_path / f"{number} {config}" / "ckpts" / "ckpt_0001002750.pt"
    found = read_checkpoint(written(path, net))
    assert found.source["released_as"].startswith(release.NAMES[kind])
    assert found.model.settings.kind == kind
    assert found.model.scales == (4 if kind == "rgb_shared" else 3)
    for name, value in original.named_parameters():
        assert torch.equal(found.model.get_parameter(name), value), name
    images = torch.from_numpy(release.outputs(kind)["image"]).permute(2, 0, 1)[None]
    with torch.no_grad():
        for ours, theirs in zip(
            found.model.bottlenecks(images), original.bottlenecks(images), strict=False
        ):
            assert torch.equal(ours.symbols, theirs.symbols)
    crop = {"crop": 32, "decay_steps": 42_705} if kind == "l3c" else {}
    assert found.train == {"steps": 1_002_750} | crop
    if kind == "rgb_shared":
        assert read_checkpoint(path, scales=2).model.scales == 2
    else:
        with pytest.raises(CheckpointError):
            read_checkpoint(path, scales=2)
        assert (
            "released_as" not in read_checkpoint(shutil.copy(path, tmp_path / "weights.pt")).source
        )


def test_every_key_shape_and_value_is_checked(small: Path, tmp_path: Path) -> None:
    good = content(small)["net"]
    wrong: dict[str, Tensor | None] = {
        "nets.1.enc.down.weight": None,
        "prob_clfs.2.atrous.lin.bias": None,
        "nets.0.dec.head.weight": None,
        "nets.0.extra.weight": torch.zeros(3),
        "heads.1.head.weight": torch.zeros(16, 16, 1, 1),
        "nets.2.enc.levels": torch.linspace(-1, 1, 25) ** 3,
        "nets.2.enc.q.levels": torch.linspace(-1, 1, 24),
        "heads.0.head.0.bias": torch.full((3,), math.nan),
        "nets.0.dec.body.2.weight": torch.zeros(16, 16, 3, 3, dtype=torch.int64),
    }
    for key, value in wrong.items():
        net = {k: v for k, v in good.items() if k != key} | ({} if value is None else {key: value})
        with pytest.raises(CheckpointError) as error:
            read_checkpoint(written(tmp_path / NAME, net))
        assert key in str(error.value)
    for key in ("heads.0.head.0.weight", "sub_rgb_mean.bias"):
        model = read_checkpoint(written(tmp_path / NAME, good | {key: good[key] * 1.5})).model
        assert model.identity() != read_checkpoint(small).model.identity()


def test_baselines_with_another_mean_are_refused(tmp_path: Path) -> None:
    original = release.network("rgb_shared", scales=1)
    net = {t: original.get_parameter(o).detach() for t, o in release.keys("rgb_shared").items()}
    net |= {"sub_rgb_mean.weight": torch.eye(3)[..., None, None]}
    net |= {"sub_rgb_mean.bias": -torch.tensor(RGB_MEAN) + 1}
    with pytest.raises(CheckpointError):
        read_checkpoint(written(tmp_path / NAME, net))


def test_no_code_runs_and_nothing_is_unpacked(tmp_path: Path, small: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    path = tmp_path / NAME
    for bad in (pickle.dumps({"net": Evil()}), b"", b"no checkpoint", small.read_bytes()[:9999]):
        path.write_bytes(bad)
        with pytest.raises(CheckpointError):
            read_checkpoint(path)
    torch.save({"net": Evil()}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def archive(path: Path, members: dict[str, bytes | str]) -> Path:
    """A tar; a text is a link to it."""
    with tarfile.open(path, "w") as file:
        for name, value in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(value, str):
                member.type, member.linkname = tarfile.SYMTYPE, value
                file.addfile(member)
            else:
                member.size = len(value)
                file.addfile(member, io.BytesIO(value))
    return path


def test_the_last_checkpoint_of_one_experiment_is_taken(tmp_path: Path, small: Path) -> None:
    whole = small.read_bytes()
    log = "0306_0001 cr oi/ckpts"
    several: dict[str, bytes | str] = {
        f"{log}/ckpt_0000000100.pt": b"older",
        f"{log}/ckpt_0000000300.pt": b"older",
        f"{log}/ckpt_0000000550.pt.tmp": whole,
        f"{log}/._ckpt_0000000900.pt": b"of another system",
        "0306_0001 cr oi/events.out.tfevents": b"",
    }
    assert read_checkpoint(archive(tmp_path / "a.tar", several)).source["step"] == 550
    for name, members in {
        "none.tar": {"0306_0001 cr oi/readme": b""},
        "two.tar": several | {"0306_0002 cr oi/ckpts/ckpt_0000000100.pt": whole},
        "link.tar": {f"{log}/ckpt_0000000300.pt": "/etc/hostname"},
    }.items():
        with pytest.raises(CheckpointError):
            read_checkpoint(archive(tmp_path / name, members))
    cut = ARCHIVE.read_bytes()[:100_000]
    (tmp_path / "cut.tar.gz").write_bytes(cut)
    for path in ("cut.tar.gz", "nowhere.pt", "."):
        with pytest.raises(CheckpointError):
            read_checkpoint(tmp_path / path if path != "." else tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "empty")


def test_older_models_keep_their_identities() -> None:
    """The setting is in an identity only where it is used."""
    assert "input_map" not in L3CSettings().model_dump_json()
    with pytest.raises(ValueError, match="input_map"):
        L3CSettings(kind="rgb", input_map="stored")
