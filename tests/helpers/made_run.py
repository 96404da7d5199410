"""A run of everything that a table shows, its numbers plain to compute by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from result_rows import (
    batch_row,
    frame_of,
    missing_row,
    provenance,
    result_row,
    results,
    timing_row,
)

from l3c.bench.published import Counterpart, read_published
from l3c.bench.run import Run
from l3c.bench.schema import Row
from l3c.data.images import ManifestRow

PUBLISHED = read_published(Path(__file__).parents[2] / "results" / "published.csv")
L3C: dict[str, Any] = {"key": "l3c", "method": "L3C", "version": "l3c 0.1"}
JPEG2000: dict[str, Any] = {"key": "jpeg2000", "method": "JPEG 2000"}
FLIF: dict[str, Any] = {"key": "flif", "method": "FLIF"}
CUDA = {"device": "cuda", "device_name": "a GPU"}
STAND_IN = Counterpart("Open Images v2", False)
CARD: dict[str, Any] = {
    "name": "L3C",
    "parameters": 1234567,
    "steps": 2000,
    "train_s": 200.0,
    "images": 1,
    "recipe": {"name": "small"},
    "deviations": ["model.scales: 4 instead of 3", "train.steps: 2000 instead of 700000"],
}
_PHASES = [("network", "x", 0.5), ("coder", "x", 0.25), ("network", "z1", 0.25)]
_PHASES += [("coder", "z1", 0.5), ("range_coder", "z3", 0.0625), ("container", "", 4.0)]


def two_methods() -> list[Row]:
    """L3C at 4 and 2 bpsp on two small and two large images, JPEG 2000 at 6 and 3."""
    heights = [("a", 10), ("b", 20), ("c", 10), ("d", 20)]
    other = JPEG2000 | {"num_bytes": 450, "in_process": False}
    return [
        result_row(**L3C, image=image, height=h, cross_entropy_bits=2382 + 0.8 * h)
        for image, h in heights
    ] + [result_row(**other, image=image, height=h) for image, h in heights]


def timed(**fields: Any) -> list[Row]:
    """Runs of 1, 2 and 3 s on one crop of 2 bpsp, in each direction, by one and two threads."""
    fields = {"num_bytes": 3 * 512 * 512 // 4} | fields
    return [
        timing_row(direction=direction, seconds=seconds, run=run, threads=threads, **fields)
        for direction in ("encode", "decode")
        for threads in (1, 2)
        for run, seconds in enumerate((1.0, 2.0, 3.0))
    ]


def _phases() -> list[Row]:
    """Of decoding that crop, 1.56 s without the container; on a GPU; and of another model."""
    about: dict[str, Any] = {"direction": "decode", "threads": 1}
    rows = [timing_row(phase=name, scale=s, seconds=t, **about) for name, s, t in _PHASES]
    about |= {"phase": "coder", "scale": "x"}
    return [*rows, timing_row(seconds=0.125, **about, **CUDA), timing_row(key="rgb", **about)]


def _batches() -> list[Row]:
    """0.2 s for an image in batches of 30, 0.1 s in batches of 960, 0.01 s on a GPU."""
    rows = [batch_row(batch=30, seconds=s, run=i) for i, s in enumerate((3.0, 6.0, 9.0))]
    return [*rows, batch_row(batch=30, seconds=0.3, **CUDA), batch_row(batch=960, seconds=96.0)]


def kept(image: str, pixels: str, **fields: Any) -> ManifestRow:
    about = {"image": image, "source": image, "status": "kept", "pixel_sha256": 64 * pixels}
    return ManifestRow(**about | {"height": 10, "width": 900} | fields)


def made_run(**parts: Any) -> Run:
    """L3C and JPEG 2000 on four images, crops and batches, FLIF on crops; parts are replaced."""
    licence = 'Toy32, "small" edition: CC0'
    dropped = ManifestRow(image="c_1", source="c_1.png", status="dropped", reason="greyscale")
    timing = [*timed(**L3C), *_phases(), *timed(key="jxl", method="JPEG XL")]
    timing += timed(**FLIF, version="FLIF 0.4", in_process=False)
    run = Run(
        results([*two_methods(), missing_row(**FLIF, reason="no node", version="FLIF 0.4")]),
        provenance=provenance(),
        published=PUBLISHED,
        manifests={
            "toy": [kept("a", "0", licence=licence), kept("b", "1", licence=licence), dropped],
            "train": [kept("t", "9")],
        },
        counterparts={"toy": STAND_IN},
        cards={"l3c": CARD},
        trained_on={"l3c": "train"},
        timing=frame_of(timing),
        batches=frame_of(_batches()),
    )
    return replace(run, **parts)
