"""Which settings decode what other settings encoded: the cross-decoding matrix.

    python -m benchmarks.cross_decoding results/run/models/l3c.safetensors photographs/ --output DIR

Each setting runs in a process of its own: it encodes crops of photographs in both arithmetics, then
decodes what every setting has encoded. A crop that came back pixel by pixel is "exact", one that a
checksum stopped "refused", one with other pixels "wrong". Writes DIR/matrix.md and DIR/matrix.csv;
exits with status 1 if integers are not exact. It takes minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from coder import cuda
from coder.causal import VARIANTS, use_variant
from coder.errors import CoderError
from l3c.bench.measure.child import Child
from l3c.bench.measure.crops import Image, crops_of
from l3c.bench.measure.machine import environment, hardware
from l3c.bench.schema import rows_of, write
from l3c.coding import decode_picture, encode_picture
from l3c.data.sources import folder_photos
from l3c.files import write_text
from l3c.images.picture import Picture
from l3c.integer.network import IntegerNetwork
from l3c.messages import counted
from l3c.models.base import load_model
from l3c.models.pyramid import PyramidModel
from l3c.models.pyramid_codec import PyramidCodec
from l3c.models.tile_codec import Kind, TileCodec
from l3c.models.zoo import open_codec, read_model
from l3c.nn.pyramid import CodingStep, Outputs
from l3c.tile_coding import Choice

_ENGINE_TILE = 32  # side of their tiles for the causal engine, which has a thread for each tile
SIDES = range(1, 80, 2)  # of the crops, in pixels
OUTCOMES = ("exact", "refused", "wrong")
KINDS: tuple[Kind, ...] = ("integer", "float")


@dataclass(frozen=True)
class Setting:
    """How a process computes.

    Attributes:
        name: of its row and column.
        threads: of PyTorch.
        batch: each scale is predicted together with copies of itself, so many in all.
        channels_last: memory layout; otherwise NCHW.
        onednn: whether PyTorch may use it.
        precision: `torch.set_float32_matmul_precision`.
        device: "cpu" or "cuda".
        benchmark: of cuDNN.
        carrier: of the integers, a dtype of PyTorch.
        environment: variables of the process.
        variant: instruction set of the causal engine, for models of that family.
    """

    name: str
    threads: int = 2
    batch: int = 1
    channels_last: bool = True
    onednn: bool = True
    precision: str = "highest"
    device: str = "cpu"
    benchmark: bool = False
    carrier: Literal["float32", "int64"] = "float32"
    environment: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("base"),
        Setting("1 thread", threads=1),
        Setting("3 threads", threads=3),
        Setting("batch 2", batch=2),
        Setting("batch 7", batch=7),
        Setting("NCHW", channels_last=False),
        Setting("oneDNN off", onednn=False),
        Setting("oneDNN off, batch 16", onednn=False, batch=16),
        Setting("oneDNN SSE4.1", environment={"ONEDNN_MAX_CPU_ISA": "SSE41"}),
        Setting("oneDNN AVX2", environment={"ONEDNN_MAX_CPU_ISA": "AVX2"}),
        Setting("PyTorch without AVX", environment={"ATEN_CPU_CAPABILITY": "default"}),
        Setting("bfloat16 allowed", precision="medium"),
        Setting("int64", carrier="int64"),
        Setting("GPU", device="cuda"),
        Setting("GPU, TF32 allowed", device="cuda", precision="high"),
        Setting("GPU, benchmark mode", device="cuda", benchmark=True),
    )
}
"""A base, and one factor at a time changed."""


def engine_settings() -> list[Setting]:
    """Every instruction set of the causal engine, with several numbers of threads."""
    return [
        Setting(f"{variant}, {counted(threads, 'thread')}", threads=threads, variant=variant)
        for variant in VARIANTS
        for threads in (1, 2, 3)
    ]


class SettingCodec(PyramidCodec):
    """A codec that predicts as a setting says."""

    def __init__(self, weights: Path, setting: Setting, kind: Kind) -> None:
        model, tensors = load_model(read_model(weights))
        assert isinstance(model, PyramidModel)
        if tensors is None:
            raise RuntimeError(f"{weights} has no integers")
        integers = IntegerNetwork.load(model, tensors)
        integers.carrier = getattr(torch, setting.carrier)
        if not setting.channels_last:
            self.memory_format = torch.contiguous_format
        super().__init__(model, setting.device, integers if kind == "integer" else None)
        self._batch, self._onednn = setting.batch, setting.onednn
        decoder = integers if kind == "integer" else model
        self._outputs = decoder.outputs
        vars(decoder)["outputs"] = self.outputs_as_set

    def outputs_as_set(self, step: CodingStep, values: Tensor, features: Tensor | None) -> Outputs:
        """See `Decoder.outputs`: as one of a batch."""
        # The whole batch of features is passed on, but the outputs of one image only. oneDNN is
        # chosen here, because the codec fixes it (`l3c.torch_state`).
        batch = values.expand(self._batch, -1, -1, -1).contiguous(memory_format=self.memory_format)
        mkldnn: Any = torch.backends.mkldnn
        before, mkldnn.enabled = mkldnn.enabled, self._onednn
        try:
            outputs, f = self._outputs(step, batch, features)
        finally:
            mkldnn.enabled = before
        return [each[-1:] for each in outputs], f


class Worker:
    """Encodes and decodes images under a setting, in either arithmetic."""

    def __init__(self, setting: Setting, weights: Path, images: Sequence[Image]) -> None:
        torch.set_num_threads(setting.threads)
        torch.backends.cudnn.benchmark = setting.benchmark
        torch.set_float32_matmul_precision(setting.precision)
        self._setting, self._weights, self._images = setting, weights, images
        self._codecs: dict[Kind, TileCodec] = {}
        self._known: dict[tuple[Kind, int, bytes], str] = {}

    def why_not(self, kind: Kind) -> str:
        """What is lacking here; "" if it can run."""
        reason = cuda.why_unavailable() if self._setting.device == "cuda" else ""
        if (variant := self._setting.variant) and use_variant(variant) != variant:
            reason = f"this processor has no {variant}"
        integers_only = (variant or self._setting.carrier == "int64") and kind == "float"
        return reason or ("it has integers only" if integers_only else "")

    def encode(self, kind: Kind) -> list[bytes]:
        """A file of each image."""
        codec, pictures = self._codec(kind), map(Picture.from_array, self._images)
        how: Any = {"choice": Choice.NETWORK}
        how["tile_side"] = _ENGINE_TILE if self._setting.variant else None
        return [encode_picture(picture, codec, **how) for picture in pictures]

    def decode(self, kind: Kind, files: Sequence[bytes]) -> Counter[str]:
        """How many files of the images came out as each of the outcomes."""
        return Counter(self._outcome(kind, number, data) for number, data in enumerate(files))

    def _outcome(self, kind: Kind, number: int, data: bytes) -> str:
        of_file = (kind, number, data)
        if of_file not in self._known:  # most settings write the same bytes
            codec = self._codec(kind)
            try:
                decoded = decode_picture(data, lambda identity, arithmetic: codec).samples
                same = np.array_equal(decoded, self._images[number])
                self._known[of_file] = "exact" if same else "wrong"
            except CoderError:
                self._known[of_file] = "refused"
        return self._known[of_file]

    def _codec(self, kind: Kind) -> TileCodec:
        if kind not in self._codecs:
            engine, how = self._setting.variant, (self._weights, self._setting, kind)
            self._codecs[kind] = open_codec(self._weights, "cpu") if engine else SettingCodec(*how)
        return self._codecs[kind]


def crops(photos: Callable[[], Iterable[tuple[str, Image]]], count: int) -> list[Image]:
    """Crops of odd sizes, the same for the same photographs, see `crops_of`."""
    squares = enumerate(crops_of(photos, SIDES[-1], count))
    height, width = ([SIDES[step * i % len(SIDES)] for i in range(count)] for step in (7, 11))
    return [crop[: height[i], : width[i]].copy() for i, (_, crop) in squares]


def measure(weights: Path, images: Sequence[Image], tried: Sequence[Setting]) -> pd.DataFrame:
    """The matrix of every setting against every other, in both arithmetics.

    Args:
        weights: of a model with an integer path.
        images: uint8 (H, W, 3).
        tried: settings.

    Returns:
        Columns arithmetic, encoder, decoder, exact, refused, wrong: numbers of crops; reason: why
        a cell was not run.
    """
    encoded: dict[tuple[Kind, str], list[bytes]] = {}
    reasons: dict[tuple[Kind, str], str] = {}
    rows = []
    for setting in tried:
        print(f"encode: {setting.name}", file=sys.stderr)
        with _child(setting, weights, images) as child:
            for kind in KINDS:
                why = reasons[kind, setting.name] = child.call("why_not", kind)
                encoded[kind, setting.name] = [] if why else child.call("encode", kind)
    for decoder in tried:
        print(f"decode: {decoder.name}", file=sys.stderr)
        with _child(decoder, weights, images) as child:
            for kind in KINDS:
                for encoder in tried:
                    why = reasons[kind, encoder.name] or reasons[kind, decoder.name]
                    found = {} if why else child.call("decode", kind, encoded[kind, encoder.name])
                    cell = {"arithmetic": kind, "encoder": encoder.name, "decoder": decoder.name}
                    counts = {outcome: found.get(outcome, 0) for outcome in OUTCOMES}
                    rows.append(cell | counts | {"reason": why})
    table = pd.DataFrame(rows)
    return table.sort_values("arithmetic", key=lambda kinds: kinds == "float", kind="stable")


def _child(setting: Setting, weights: Path, images: Sequence[Image]) -> Child:
    environment = {"OMP_NUM_THREADS": str(setting.threads), **setting.environment}
    return Child(partial(Worker, setting, weights, images), environment)


def matrix_markdown(table: pd.DataFrame, notes: Sequence[str]) -> str:
    """The two matrices: encoder settings down, decoder settings across, numbered."""
    images = table[[*OUTCOMES]].sum(axis=1).max()
    blocks = [
        "# Cross-decoding",
        f"Rows encode, columns decode, {images} crops in each cell. **=** all exact; *n* "
        "**refused**: so many crops did not come back as they were, which the checksum of the "
        "pixels found, and nothing was given out; **wrong**: other pixels were given out; blank: "
        "not run, see below.",
    ]
    worst = table[[*reversed(OUTCOMES)]].gt(0).idxmax(axis=1)
    texts = [
        "" if cell.reason else "=" if outcome == "exact" else f"{getattr(cell, outcome)} {outcome}"
        for cell, outcome in zip(rows_of(table), map(str, worst), strict=True)
    ]
    for kind, cells in table.assign(text=texts).groupby("arithmetic", sort=False):
        names = cells.encoder.unique()
        matrix = cells.pivot(index="encoder", columns="decoder", values="text").loc[names, names]
        matrix.columns = pd.Index(range(1, len(names) + 1))
        matrix.index = pd.Index([f"{i} {name}" for i, name in enumerate(names, 1)])
        matrix.index.name = "encoder \\ decoder"
        ran = worst[cells.index[cells.reason == ""]].value_counts()
        counts = ", ".join(f"{ran.get(outcome, 0)} {outcome}" for outcome in OUTCOMES)
        alone = cells[(cells.encoder == cells.decoder) & (cells.reason != "")]
        blocks += [f"## {str(kind).capitalize()}"]
        blocks += [matrix.to_markdown(colalign=["left", *["center"] * len(names)])]
        blocks += [f"{ran.sum()} of {len(cells)} cells ran: {counts}."]
        blocks += [f"* {cell.encoder}: not run: {cell.reason}." for cell in alone.itertuples()]
    return "\n\n".join([*blocks, "\n".join(f"* {note}" for note in notes)]) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("weights", type=Path, help="a model with an integer path (.safetensors)")
    parser.add_argument("photographs", type=Path, help="folder of images that crops are cut from")
    parser.add_argument("--crops", type=int, default=100, help="of odd sizes, up to 79 pixels")
    parser.add_argument("--settings", default=",".join(SETTINGS), help="names, by default all")
    parser.add_argument("--output", type=Path, required=True, help="folder for matrix.md, .csv")
    args = parser.parse_args(arguments)
    photos = folder_photos(args.photographs)
    images = crops(lambda: ((photo.name, photo.read()) for photo in photos), args.crops)
    tried = [SETTINGS[name] for name in args.settings.split(",")]
    table = measure(args.weights, images, tried)
    model = open_codec(args.weights, "cpu").identity.hex()
    notes = [f"Model {args.weights.stem}, {model}.", f"{hardware()}; {environment()}."]
    write(args.output / "matrix.csv", table)
    write_text(args.output / "matrix.md", matrix_markdown(table, notes))
    inexact = table[(table.arithmetic == "integer") & (table.refused + table.wrong > 0)]
    if len(inexact):
        sys.exit(f"integers are not exact: {len(inexact)} cells, {inexact.iloc[0].to_dict()}")


if __name__ == "__main__":
    from benchmarks.cross_decoding import main as run  # whose objects other processes can unpickle

    run()
