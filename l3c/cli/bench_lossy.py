"""`l3c bench --lossy`: rate and distortion of lossy codecs and models on the images of a folder."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from baselines.lossy import LOSSY_METHODS, LossyMethod
from l3c.bench.lossy import LearnedLossy, LossyRow, measure_lossy, operating_points
from l3c.bench.measure.child import ChildError
from l3c.bench.schema import frame, rows_of, write
from l3c.cli.exits import Exit, UsageError
from l3c.cli.report import print_json
from l3c.data.sources import Photo
from l3c.messages import aligned
from l3c.models.zoo import named_model

LEARNED = "models"
_HEAD = ["method", "point", "bpp", "PSNR dB", "MS-SSIM", "encode s", "decode s"]


def run(args: argparse.Namespace, photos: dict[str, list[Photo]]) -> Exit:
    """Measures, and prints the means at each operating point.

    Args:
        args: of `l3c bench`: methods, model, json and quiet are used.
        photos: of each folder.
    """
    from l3c.nn.ms_ssim import MIN_SIDE  # imports PyTorch

    methods, asked = _methods(args), bool(args.methods)
    rows: list[LossyRow] = []
    failures, left = [], []
    for folder, found in photos.items():
        images = [(photo.name, photo.read()) for photo in found]
        left += [name for name, image in images if min(image.shape[:2]) < MIN_SIDE]
        images = [(name, image) for name, image in images if name not in left]
        for method in methods:
            reason = method.why_unavailable()
            try:
                if not reason:
                    dataset = Path(folder).resolve().name
                    with tempfile.TemporaryDirectory(prefix="l3c-bench-") as streams:
                        rows += measure_lossy(dataset, images, method, Path(streams))
            except (ChildError, ValueError) as error:
                reason, asked = str(error), True
            failures += [f"{method.name}, {folder}: {reason}"] if reason else []
    table = frame(rows, LossyRow)
    points = operating_points(table)
    if args.keep:
        write(Path(args.keep) / "lossy.csv", table)
    if args.json:
        content = {"command": "bench", "lossy": True, "failures": failures, "left_out": left}
        records = {"points": points.to_dict("records"), "rows": table.to_dict("records")}
        print_json(content | records)
    else:
        if left:
            print(f"left out, less than {MIN_SIDE} pixels a side: {', '.join(left)}")
        print("\n".join([*_lines(points, table), *failures]))
    return Exit.FAILED if not rows or (asked and failures) else Exit.GOOD


def _methods(args: argparse.Namespace) -> list[LossyMethod]:
    """The methods to measure: all codecs, and the models that are named, as one method.

    Raises:
        UsageError: no or an unknown method, or a model that is lossless.
        ModelError: no such model.
    """
    keys = [key.strip() for key in args.methods.split(",")] if args.methods else [*LOSSY_METHODS]
    keys = [key for key in dict.fromkeys(keys) if key != LEARNED]
    if unknown := [key for key in keys if key not in LOSSY_METHODS]:
        known = ", ".join([*LOSSY_METHODS, LEARNED])
        raise UsageError(f"--methods: no lossy method {', '.join(unknown)}; there are: {known}")
    files = [named_model(model) for model in dict.fromkeys(args.model or [])]
    for file in files:
        if not file.card.get("lossy"):
            raise UsageError(f"--model {file.name}: is lossless; without --lossy it is measured")
    methods = [LOSSY_METHODS[key]() for key in keys]
    if files:
        families = " ".join(dict.fromkeys(file.family for file in files))
        methods.insert(0, LearnedLossy(families, [file.weights.resolve() for file in files]))
    if not methods:
        raise UsageError(f"--methods {LEARNED}: name them by --model")
    return methods


def _lines(points: pd.DataFrame, table: pd.DataFrame) -> Iterator[str]:
    several = points.dataset.nunique() > 1
    for dataset, group in points.groupby("dataset", sort=False):
        if several:
            yield f"{dataset}:"
        rows = [_HEAD]
        for row in rows_of(group):
            numbers = (f"{row.bpp:.3f}", f"{row.psnr:.2f}", f"{row.ms_ssim:.4f}")
            seconds = (f"{row.encode_s:.3f}", f"{row.decode_s:.3f}")
            rows.append([row.method, f"{row.point:g}", *numbers, *seconds])
        yield from aligned(rows, right=range(1, len(_HEAD)))
    yield f"images: {table.image.nunique()}; all numbers are means over them, bytes of whole files"
