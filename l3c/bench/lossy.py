"""Rate and distortion of lossy methods: measured image by image, averaged as the CPM paper does.

Every file is written, read and decoded in a fresh process, and its reconstruction compared with the
image here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image as Pictures

from baselines.base import DecodeError, Image
from baselines.lossy.base import LossyMethod, lossy_key
from coder.errors import CoderError
from l3c.api import open_model
from l3c.bench.measure.child import Child
from l3c.bench.measure.files import round_trip
from l3c.bench.measure.methods import ServedMethod
from l3c.bench.schema import LossyRow, Row, frame
from l3c.fileformat.container import LOSSY_SUFFIX, unpack
from l3c.lossy import decode_lossy
from l3c.models.zoo import find_codec

RATES = np.linspace(0.1, 1.4, 50)
"""bpp at which curves of codecs are compared."""
REACHED_BY = 0.99  # share of the images that reach a rate, above which it has a mean


class LearnedLossy(LossyMethod):
    """Models of one family at several rates; points are their numbers, from 1.

    Args:
        name: label.
        weights: of the models, from the lowest rate to the highest.
    """

    suffix = LOSSY_SUFFIX
    quality = "model"

    def __init__(self, name: str, weights: Sequence[Path | str]) -> None:
        self.name = name
        self.key = lossy_key(name)
        self.points = tuple(range(1, len(weights) + 1))  # type: ignore[misc]
        self._weights = tuple(weights)

    def version(self) -> str:
        """See `LossyMethod`: the models' identities."""
        models = [open_model(path, "cpu") for path in self._weights]
        return "models " + " ".join(model.identity.hex() for model in models)

    def encode(self, image: Image, point: float) -> bytes:
        """See `LossyMethod`."""
        self.check(image, point)
        return open_model(self._weights[int(point) - 1], "cpu").encode_lossy(image)

    def decode(self, data: bytes) -> Image:
        """See `LossyMethod`; the model is found by its identity in the file."""
        try:
            return decode_lossy(data, partial(find_codec, device="cpu", more=self._weights)).samples
        except CoderError as error:
            raise DecodeError(self.name, str(error)) from error

    def header_bytes(self, data: bytes) -> int:
        """See `LossyMethod`."""
        return len(data) - len(unpack(data).tiles[0].payload or b"")


def measure_lossy(
    dataset: str,
    images: Iterable[tuple[str, Image]],
    method: LossyMethod,
    streams: Path,
    saved: int = 0,
) -> pd.DataFrame:
    """Rows of a method: each image at each of its points.

    Args:
        dataset: its name.
        images: names and pixels, uint8 (H, W, 3), sides of at least 16.
        method: without state beside its arguments, as it is made anew in two processes.
        streams: folder that files are written to, below the method's key.
        saved: reconstructions of so many of the first images are written beside them, as PNG.

    Raises:
        ChildError: the method failed, with its message.
        UnavailableError: it cannot run here.
    """
    about: dict[str, Any] = {"dataset": dataset, "method": method.name, "key": method.key}
    about["version"] = method.version()
    rows: list[Row] = []
    serve = partial(ServedMethod, method)
    with Child(serve) as encoder, Child(serve) as decoder:
        for number, (name, image) in enumerate(images):
            about |= {"image": name, "height": image.shape[0], "width": image.shape[1]}
            for point in method.points:
                stream = stream_path(streams, method.key, name, point, method.suffix)
                made, decoded, data = round_trip(encoder, decoder, image, stream, 1, point)
                if number < saved:
                    picture = stream_path(streams, method.key, name, point, ".png")
                    Pictures.fromarray(decoded).save(picture)
                made |= {"bpp": 3 * made["bpsp"], "header_bytes": method.header_bytes(data)}
                made |= {"psnr": psnr(image, decoded), "ms_ssim": similarity(image, decoded)}
                rows.append(LossyRow(**about, point=point, **made))
    return frame(rows, LossyRow)


def stream_path(streams: Path, key: str, image: str, point: float, suffix: str) -> Path:
    """The file of an image at a point of a method, or with .png its reconstruction."""
    return streams / key / f"{image}-{point:g}{suffix}"


def psnr(image: Image, decoded: Image) -> float:
    """Peak signal-to-noise ratio in dB, of all sub-pixels together.

    Raises:
        ValueError: shapes that differ.
    """
    if image.shape != decoded.shape:
        raise ValueError(f"reconstruction of shape {decoded.shape}, not {image.shape}")
    error = float(np.mean((image.astype(np.float64) - decoded) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def similarity(image: Image, decoded: Image) -> float:
    """MS-SSIM of an image of at least 16x16 pixels, in float64.

    Raises:
        ValueError: shapes that differ, or sides too short.
    """
    import torch

    from l3c.nn.ms_ssim import ms_ssim

    x, y = (torch.from_numpy(each.transpose(2, 0, 1)[None].copy()) for each in (image, decoded))
    return float(ms_ssim(x.double(), y.double()))


def operating_points(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over images: a row for each data set, method and point, as the paper's crosses."""
    values = ["bpp", "bpsp", "psnr", "ms_ssim", "encode_s", "decode_s"]
    keys = ["dataset", "method", "key", "point"]
    return (
        rows.groupby(keys, sort=False)[values]
        .mean()
        .reset_index()
        .sort_values(["dataset", "key", "bpp"], kind="stable")
    )


def at_rates(
    rows: pd.DataFrame, value: str = "ms_ssim", rates: npt.NDArray[np.float64] = RATES
) -> pd.DataFrame:
    """Means at fixed rates, as the paper's curves of codecs.

    Each image's points are joined by straight lines. A rate counts where more than 99 % of the
    images reach it.

    Returns:
        Columns dataset, method, key, bpp and `value`.
    """
    found: list[tuple[Any, ...]] = []
    for names, group in rows.groupby(["dataset", "method", "key"], sort=False):
        images = group.sort_values("bpp").groupby("image", sort=False)
        ends = {"left": np.nan, "right": np.nan}
        lines = np.array([np.interp(rates, one.bpp, one[value], **ends) for _, one in images])
        reached = np.mean(~np.isnan(lines), axis=0) > REACHED_BY
        means = np.nanmean(lines[:, reached], axis=0)
        found += [(*names, *point) for point in zip(rates[reached], means, strict=True)]
    return pd.DataFrame(found, columns=["dataset", "method", "key", "bpp", value])


def read_published(path: Path) -> pd.DataFrame:
    """The paper's values on Kodak: columns point ("" on the curve of Fig. 1), bpp and ms_ssim."""
    return pd.read_csv(path, keep_default_na=False)


def bd_rate(anchor: pd.DataFrame, points: pd.DataFrame, value: str = "ms_ssim") -> float:
    """How many percent more bits than the anchor a method takes for the same quality, on average.

    Bjontegaard's measure, with Akima's interpolation, of MS-SSIM in decibels: -10 log10(1 - it).

    Args:
        anchor: bpp and `value` of at least two points.
        points: the same of the method.
        value: "ms_ssim" or "psnr".

    Returns:
        NaN where no quality is reached by both, or one has fewer than two points.
    """
    import bjontegaard

    curves = []
    for each in (anchor, points):
        curve = each.sort_values("bpp").astype({value: float})
        curve = curve[curve[value] > curve[value].cummax().shift(fill_value=-np.inf)]
        quality = curve[value] if value == "psnr" else -10 * np.log10(1 - curve[value])
        curves += [curve.bpp.to_numpy(), quality.to_numpy()]
    (_, first, _, second) = curves
    if min(len(first), len(second)) < 2 or max(first[0], second[0]) >= min(first[-1], second[-1]):
        return float("nan")
    options = {"method": "akima", "require_matching_points": False, "min_overlap": 0}
    return float(bjontegaard.bd_rate(*curves, **options))
