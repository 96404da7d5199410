"""Which settings decode what other settings encoded: the matrix of exactness.

Each setting runs in a process of its own (`exactness_worker`): it encodes crops of photographs in
both arithmetics, then decodes what every setting has encoded. A cell says "exact" if all crops came
back pixel by pixel, "refused" if a checksum stopped at least one, "wrong" if other pixels came out.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from l3c.arithmetic import KINDS, Kind

Carrier = Literal["torch", "numpy"]
RGB = npt.NDArray[np.uint8]

SIDES = (1, 79)  # of the crops, in pixels
ORDER = ("wrong", "refused", "exact")  # the worst first


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
        carrier: of the integers: PyTorch's float32, or NumPy's int64.
        environment: variables of the process.
        python: interpreter, for another version of PyTorch; "" for this one.
    """

    name: str
    threads: int = 2
    batch: int = 1
    channels_last: bool = True
    onednn: bool = True
    precision: str = "highest"
    device: str = "cpu"
    benchmark: bool = False
    carrier: Carrier = "torch"
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = ""


@dataclass(frozen=True)
class Cell:
    """One encoder and one decoder setting: counts of crops by outcome, or why it was not run."""

    arithmetic: Kind
    encoder: str
    decoder: str
    counts: Mapping[str, int]
    reason: str = ""

    @property
    def word(self) -> str:
        """The worst outcome, or "not run"."""
        return next((word for word in ORDER if self.counts.get(word)), "not run")


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
        Setting("NumPy int64", carrier="numpy"),
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
        digest = hashlib.sha256(f"{i} {names[i % len(names)]}".encode()).digest()
        numbers = np.frombuffer(digest, "<u4")
        photo = photos[names[i % len(names)]]
        size = [_odd(int(numbers[d]), side) for d, side in enumerate(photo.shape[:2])]
        top, left = (int(numbers[2 + d]) % (photo.shape[d] - size[d] + 1) for d in range(2))
        made.append(photo[top : top + size[0], left : left + size[1]].copy())
    return made


def _odd(number: int, side: int) -> int:
    """An odd size within SIDES, and within a side."""
    low, high = SIDES[0], min(SIDES[1], side)
    return low + number % (high - low + 1) // 2 * 2


def measure(
    weights: Path,
    images: Sequence[RGB],
    tried: Sequence[Setting],
    progress: Callable[[str], object] = lambda text: None,
) -> list[Cell]:
    """The matrix of every setting against every other, in both arithmetics.

    Args:
        weights: of a model with an integer path.
        images: uint8 (H, W, 3).
        tried: settings.
        progress: told what runs.
    """
    encoded: dict[tuple[Kind, str], list[bytes]] = {}
    failures: dict[tuple[Kind, str], str] = {}
    for setting in tried:
        progress(f"encode: {setting.name}")
        answer = _run(setting, {"weights": str(weights), "encode": list(images)})
        for kind in KINDS:
            files = answer[kind]
            if isinstance(files, str):
                failures[kind, setting.name] = files
            else:
                encoded[kind, setting.name] = files
    cells = []
    for decoder in tried:
        progress(f"decode: {decoder.name}")
        # Most settings write the same bytes: each is decoded once.
        distinct: dict[Kind, list[tuple[int, bytes]]] = {}
        for (kind, _), files in encoded.items():
            if (kind, decoder.name) not in failures:
                distinct[kind] = sorted({*distinct.get(kind, []), *enumerate(files)})
        request = {"weights": str(weights), "decode": distinct, "images": list(images)}
        answer = _run(decoder, request) if distinct else {}
        for kind in KINDS:
            known = distinct.get(kind, [])
            told = answer[kind] if known else []
            if isinstance(told, str):
                failures[kind, decoder.name] = told
                told = known = []
            outcomes = dict(zip(known, told, strict=True))
            for encoder in tried:
                key = (kind, encoder.name)
                reason = failures.get(key) or failures.get((kind, decoder.name), "")
                counts: dict[str, int] = {}
                for item in enumerate(encoded.get(key, [])) if not reason else ():
                    counts[outcomes[item]] = counts.get(outcomes[item], 0) + 1
                cells.append(Cell(kind, encoder.name, decoder.name, counts, reason))
    return cells


def _run(setting: Setting, request: dict[str, Any]) -> dict[Kind, Any]:
    """What a fresh process with a setting answers; for each arithmetic a string says why not."""
    with tempfile.TemporaryDirectory(prefix="l3c-exactness-") as folder:
        question, answer = Path(folder, "question"), Path(folder, "answer")
        question.write_bytes(pickle.dumps({"setting": setting, **request}))
        root = str(Path(__file__).resolve().parents[2])
        environment = {**os.environ, "PYTHONPATH": root}
        environment.pop("OMP_NUM_THREADS", None)
        environment |= setting.environment
        ended = subprocess.run(
            [
                setting.python or sys.executable,
                "-m",
                "l3c.bench.measure.exactness_worker",
                str(question),
                str(answer),
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            last = (ended.stderr.strip() or f"exit status {ended.returncode}").splitlines()[-1]
            if not setting.python:
                raise RuntimeError(f"{setting.name}: {last}")
            return {kind: f"{setting.python}: {last}" for kind in KINDS}
        found: dict[Kind, Any] = pickle.loads(answer.read_bytes())
        return found


def matrix_csv(cells: Sequence[Cell], provenance: str) -> str:
    """One row for each cell, with its counts."""
    lines = ["arithmetic,encoder,decoder,outcome,exact,refused,wrong,reason,provenance"]
    for cell in cells:
        counts = ",".join(str(cell.counts.get(word, 0)) for word in reversed(ORDER))
        text = '"' + cell.reason.replace('"', "'") + '"' if cell.reason else ""
        names = f'{cell.arithmetic},"{cell.encoder}","{cell.decoder}"'
        lines.append(f"{names},{cell.word},{counts},{text},{provenance}")
    return "\n".join(lines) + "\n"


def matrix_markdown(cells: Sequence[Cell], images: int, notes: Sequence[str]) -> str:
    """The two matrices: encoder settings down, decoder settings across, numbered."""
    out = io.StringIO()
    out.write("# Exactness\n\n")
    out.write(
        f"Rows encode, columns decode, {images} crops in each cell. **=** all exact; *n* "
        "**refused**: so many crops did not come back as they were, which the checksum of the "
        "pixels found, and nothing was given out; **wrong**: other pixels were given out; blank: "
        "not run, see below.\n"
    )
    for kind in KINDS:
        chosen = [cell for cell in cells if cell.arithmetic == kind]
        names = list(dict.fromkeys(cell.encoder for cell in chosen))
        table = {(cell.encoder, cell.decoder): cell for cell in chosen}
        out.write(f"\n## {kind.capitalize()}\n\n")
        out.write(
            "| encoder \\ decoder | " + " | ".join(map(str, range(1, len(names) + 1))) + " |\n"
        )
        out.write("| :--- |" + " :-: |" * len(names) + "\n")
        for i, encoder in enumerate(names, start=1):
            texts = [_cell_text(table[encoder, decoder]) for decoder in names]
            out.write(f"| {i} {encoder} | " + " | ".join(texts) + " |\n")
        ran = [cell for cell in chosen if cell.counts]
        words = {word: sum(cell.word == word for cell in ran) for word in reversed(ORDER)}
        counted = ", ".join(f"{number} {word}" for word, number in words.items())
        out.write(f"\n{len(ran)} of {len(chosen)} cells ran: {counted}.\n")
        for encoder in names:
            if reason := table[encoder, encoder].reason:
                out.write(f"\n* {encoder}: not run: {reason}.")
        out.write("\n")
    out.write("\n" + "\n".join(f"* {note}" for note in notes) + "\n")
    return out.getvalue()


def _cell_text(cell: Cell) -> str:
    if not cell.counts:
        return ""
    return "=" if cell.word == "exact" else f"{cell.counts[cell.word]} {cell.word}"
