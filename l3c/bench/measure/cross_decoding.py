"""Which settings decode what other settings encoded: the cross-decoding matrix.

Each setting runs in a process of its own: it encodes crops of photographs in both arithmetics, then
decodes what every setting has encoded. A crop that came back pixel by pixel is "exact", one that a
checksum stopped "refused", one with other pixels "wrong".
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from coder.causal import VARIANTS, use_variant
from l3c.arithmetic import Kind
from l3c.bench.measure.child import Child, ChildError
from l3c.messages import counted

RGB = npt.NDArray[np.uint8]

SIDES = (1, 79)  # of the crops, in pixels
_ENGINE_TILE = 32  # side of their tiles for the causal engine, which has a thread for each tile
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
        python: interpreter, for another version of PyTorch; "" for this one.
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
    python: str = ""
    variant: str = ""


def engine_settings() -> list[Setting]:
    """Every instruction set of the causal engine, with several numbers of threads."""
    return [
        Setting(f"{variant}, {counted(threads, 'thread')}", threads=threads, variant=variant)
        for variant in VARIANTS
        for threads in (1, 2, 3)
    ]


def settings(interpreters: Mapping[str, str]) -> list[Setting]:
    """A base, and one factor at a time changed.

    Args:
        interpreters: name -> path of a Python with another PyTorch and the packages needed.
    """
    sse41, avx2 = ({"ONEDNN_MAX_CPU_ISA": isa} for isa in ("SSE41", "AVX2"))
    return [
        Setting("base"),
        Setting("1 thread", threads=1),
        Setting("3 threads", threads=3),
        Setting("batch 2", batch=2),
        Setting("batch 7", batch=7),
        Setting("NCHW", channels_last=False),
        Setting("oneDNN off", onednn=False),
        Setting("oneDNN off, batch 16", onednn=False, batch=16),
        Setting("oneDNN SSE4.1", environment=sse41),
        Setting("oneDNN AVX2", environment=avx2),
        Setting("PyTorch without AVX", environment={"ATEN_CPU_CAPABILITY": "default"}),
        Setting("bfloat16 allowed", precision="medium"),
        *(Setting(name, python=path) for name, path in interpreters.items()),
        Setting("int64", carrier="int64"),
        Setting("GPU", device="cuda"),
        Setting("GPU, TF32 allowed", device="cuda", precision="high"),
        Setting("GPU, benchmark mode", device="cuda", benchmark=True),
    ]


def crops(photos: Mapping[str, RGB], count: int) -> list[RGB]:
    """Crops of odd sizes, the same for the same photographs.

    Args:
        photos: name -> uint8 (H, W, 3).
        count: of crops.
    """
    made, names = [], sorted(photos)
    for i in range(count):
        name = names[i % len(names)]
        numbers = np.frombuffer(hashlib.sha256(f"{i} {name}".encode()).digest(), "<u4").tolist()
        part = photos[name]
        for axis, length in enumerate(part.shape[:2]):
            low, high = SIDES[0], min(SIDES[1], length)
            side = low + numbers[axis] % (high - low + 1) // 2 * 2
            start = numbers[2 + axis] % (length - side + 1)
            part = part.take(range(start, start + side), axis)
        made.append(part)
    return made


def measure(
    weights: Path,
    images: Sequence[RGB],
    tried: Sequence[Setting],
    progress: Callable[[str], object] = lambda text: None,
) -> pd.DataFrame:
    """The matrix of every setting against every other, in both arithmetics.

    Args:
        weights: of a model with an integer path.
        images: uint8 (H, W, 3).
        tried: settings.
        progress: told what runs.

    Returns:
        Columns arithmetic, encoder, decoder, exact, refused, wrong: numbers of crops; reason: why
        a cell was not run.
    """
    encoded: dict[tuple[Kind, str], list[bytes]] = {}
    reasons: dict[tuple[Kind, str], str] = {}
    rows = []
    for setting in tried:
        progress(f"encode: {setting.name}")
        with _child(setting, weights) as child:
            for kind in KINDS:
                if reason := _why_not(child, setting, kind):
                    reasons[kind, setting.name] = reason
                else:
                    encoded[kind, setting.name] = child.call("encode", kind, list(images))
    for decoder in tried:
        progress(f"decode: {decoder.name}")
        with _child(decoder, weights) as child:
            for kind in KINDS:
                known: dict[tuple[int, bytes], str] = {}  # most settings write the same bytes
                for encoder in tried:
                    why = reasons.get((kind, encoder.name)) or reasons.get((kind, decoder.name))
                    counts = dict.fromkeys(OUTCOMES, 0)
                    for number, data in enumerate([] if why else encoded[kind, encoder.name]):
                        if (number, data) not in known:
                            outcome = child.call("decode", kind, data, images[number])
                            known[number, data] = outcome
                        counts[known[number, data]] += 1
                    of_cell = {"arithmetic": kind, "encoder": encoder.name, "decoder": decoder.name}
                    rows.append(of_cell | counts | {"reason": why or ""})
    table = pd.DataFrame(rows)
    return table.sort_values("arithmetic", key=lambda kinds: kinds == "float", kind="stable")


def _child(setting: Setting, weights: Path) -> Child:
    environment = {"OMP_NUM_THREADS": str(setting.threads), **setting.environment}
    return Child(partial(_Worker, setting, weights), setting.python or sys.executable, environment)


def _why_not(child: Child, setting: Setting, kind: Kind) -> str:
    """What a setting lacks here; "" if it can run."""
    try:
        reason: str = child.call("why_not", kind)
    except ChildError as error:
        if not setting.python:
            raise
        reason = f"{setting.python}: {error}"
    return reason


class _Worker:
    """The process behind one setting."""

    def __init__(self, setting: Setting, weights: Path) -> None:
        self._setting = setting
        self._weights = weights
        self._codecs: dict[Kind, Any] = {}
        if not setting.variant:
            import torch

            torch.set_num_threads(setting.threads)
            torch.backends.cudnn.benchmark = setting.benchmark
            torch.set_float32_matmul_precision(setting.precision)

    def why_not(self, kind: Kind) -> str:
        """What is lacking here; "" if it can run."""
        from coder import cuda

        reason = cuda.why_unavailable() if self._setting.device == "cuda" else ""
        if (variant := self._setting.variant) and use_variant(variant) != variant:
            reason = f"this processor has no {variant}"
        integers_only = (variant or self._setting.carrier == "int64") and kind == "float"
        return reason or ("it has integers only" if integers_only else "")

    def encode(self, kind: Kind, images: Sequence[RGB]) -> list[bytes]:
        """A file of each image."""
        from l3c.coding import encode_picture
        from l3c.images.picture import Picture
        from l3c.tile_coding import Choice

        codec = self._codec(kind)
        pictures = map(Picture.from_array, images)
        side = _ENGINE_TILE if self._setting.variant else None
        return [
            encode_picture(picture, codec, choice=Choice.NETWORK, tile_side=side)
            for picture in pictures
        ]

    def decode(self, kind: Kind, data: bytes, image: RGB) -> str:
        """One of OUTCOMES."""
        from coder.errors import CoderError
        from l3c.coding import decode_picture

        codec = self._codec(kind)
        try:
            decoded = decode_picture(data, lambda identity, arithmetic: codec).picture.samples
        except CoderError:
            return "refused"
        return "exact" if np.array_equal(decoded, image) else "wrong"

    def _codec(self, kind: Kind) -> Any:
        from l3c.bench.measure.setting_codec import SettingCodec
        from l3c.models.zoo import open_codec

        if kind not in self._codecs and self._setting.variant:
            self._codecs[kind] = open_codec(self._weights, "cpu")
        elif kind not in self._codecs:
            self._codecs[kind] = SettingCodec(self._weights, self._setting, kind)
        return self._codecs[kind]


def matrix_markdown(table: pd.DataFrame, notes: Sequence[str]) -> str:
    """The two matrices: encoder settings down, decoder settings across, numbered."""
    images = table[[*OUTCOMES]].sum(axis=1).max()
    lines = [
        "# Cross-decoding",
        "",
        f"Rows encode, columns decode, {images} crops in each cell. **=** all exact; *n* "
        "**refused**: so many crops did not come back as they were, which the checksum of the "
        "pixels found, and nothing was given out; **wrong**: other pixels were given out; blank: "
        "not run, see below.",
    ]
    for kind, cells in table.groupby("arithmetic", sort=False):
        names = cells.encoder.unique()
        shown = cells.assign(text=cells.apply(_cell, axis=1))
        matrix = shown.pivot(index="encoder", columns="decoder", values="text").loc[names, names]
        matrix.columns = pd.Index(range(1, len(names) + 1))
        matrix.index = pd.Index([f"{i} {name}" for i, name in enumerate(names, 1)])
        matrix.index.name = "encoder \\ decoder"
        centred = ["left", *["center"] * len(names)]
        lines += ["", f"## {str(kind).capitalize()}", "", matrix.to_markdown(colalign=centred)]
        ran = cells[cells.reason == ""]
        worst = ran[["wrong", "refused", "exact"]].gt(0).idxmax(axis=1).value_counts()
        counts = ", ".join(f"{worst.get(outcome, 0)} {outcome}" for outcome in OUTCOMES)
        lines += ["", f"{len(ran)} of {len(cells)} cells ran: {counts}.", ""]
        alone = cells[(cells.encoder == cells.decoder) & (cells.reason != "")]
        lines += [f"* {cell.encoder}: not run: {cell.reason}." for cell in alone.itertuples()]
    return "\n".join([*lines, "", *(f"* {note}" for note in notes)]) + "\n"


def _cell(cell: pd.Series) -> str:
    """The worst outcome."""
    if cell.reason:
        return ""
    outcome = next(name for name in reversed(OUTCOMES) if cell[name] or name == "exact")
    return "=" if outcome == "exact" else f"{cell[outcome]} {outcome}"
