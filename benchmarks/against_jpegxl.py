"""Released models against JPEG XL: bytes of whole files, CPU seconds in turns on one thread.

    python -m benchmarks.against_jpegxl kodak/ photographs/ --longer 768
    python -m benchmarks.against_jpegxl photographs/ --crop 768
    python -m benchmarks.against_jpegxl photographs/ --efforts 3 4 5 6 7 8 9 --out front

Every file is decoded and compared. Seconds are those of the process: other programs lengthen them
less than the clock's, and ratios of the same run less still. `--out` writes front.csv, .svg and
.png: rate against the time to encode.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from l3c.bench.figures import style
from l3c.bench.measure.machine import environment, hardware
from l3c.coding import decode_picture, encode_picture
from l3c.images.picture import Picture
from l3c.models.tile_codec import TileCodec
from l3c.models.zoo import open_codec
from l3c.threads import limit_threads

Pixels = npt.NDArray[np.uint8]
Coder = tuple[Callable[[Pixels], bytes], Callable[[bytes], Pixels]]
EFFORTS = (3, 7, 9)
CAUSAL = ["causal-slow", "causal-middle", "causal-fast"]
COLUMNS = ("folder", "images", "method", "bpsp", "encode_mb_s", "decode_mb_s")


def images(
    folder: Path, longer: int | None, crop: int | None, grey: bool = False
) -> Iterator[Pixels]:
    """Photographs of a folder, downscaled (Lanczos) to a longer side, or cut to their middles.

    uint8 (H, W, 3), or (H, W, 1) if made grey.
    """
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with Image.open(path) as opened:
            image = opened.convert("L" if grey else "RGB")
        if longer and max(image.size) > longer:
            factor = longer / max(image.size)
            size = (round(image.width * factor), round(image.height * factor))
            image = image.resize(size, Image.Resampling.LANCZOS)
        pixels = np.asarray(image).reshape(*image.size[::-1], -1)
        if crop:
            top, left = (max(0, (side - crop) // 2) for side in pixels.shape[:2])
            pixels = pixels[top : top + crop, left : left + crop]
        yield np.ascontiguousarray(pixels)


def coders(models: list[str], efforts: Sequence[int] = EFFORTS) -> dict[str, Coder]:
    """Encoder and decoder of each model, and of JPEG XL at several efforts."""
    found = {f"JPEG XL e{effort}": _jpegxl(effort) for effort in efforts}
    for name in models:
        found[name] = _of(open_codec(name, "cpu"))
    return found


def _jpegxl(effort: int) -> Coder:
    options: dict[str, Any] = {"lossless": True, "effort": effort, "usecontainer": False}

    def encode(pixels: Pixels) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(pixels, numthreads=1, **options))

    return encode, lambda data: imagecodecs.jpegxl_decode(data, numthreads=1)


def _of(codec: TileCodec) -> Coder:
    def encode(pixels: Pixels) -> bytes:
        return encode_picture(Picture.from_array(pixels), codec)

    def decode(data: bytes) -> Pixels:
        return decode_picture(data, lambda *model: codec).samples

    return encode, decode


def measure(folder: str, taken: list[Pixels], each: dict[str, Coder]) -> pd.DataFrame:
    """A row of COLUMNS for each coder; the coders take turns.

    Raises:
        SystemExit: one is not lossless.
    """
    bpsp: dict[str, list[float]] = defaultdict(list)
    seconds: dict[str, Any] = defaultdict(lambda: np.zeros(2))
    for pixels in taken:
        for name, (encode, decode) in each.items():
            start = time.process_time()
            data = encode(pixels)
            middle = time.process_time()
            if not np.array_equal(decode(data).reshape(pixels.shape), pixels):
                raise SystemExit(f"{name}: not lossless on an image of {folder}")
            seconds[name] += (middle - start, time.process_time() - middle)
            bpsp[name].append(8 * len(data) / pixels.size)
    size = sum(pixels.size for pixels in taken) / 1e6
    rows = [(folder, len(taken), n, np.mean(bpsp[n]), *(size / seconds[n])) for n in each]
    return pd.DataFrame(rows, columns=[*COLUMNS])


def front(table: pd.DataFrame) -> Figure:
    """Rate against the time to encode, a panel for each folder."""
    folders = table.folder.unique()
    drawn = style.new_figure(6.2 * len(folders), 4.8)
    panels = drawn.subplots(1, len(folders), squeeze=False)[0]
    for axes, folder in zip(panels, folders, strict=True):
        rows = table[table.folder == folder]
        axes.set(title=f"{folder}, {rows.images.iloc[0]} images", xscale="log")
        axes.set_xlabel("encoding time in seconds per megapixel, one thread (less is better)")
        axes.set_ylabel("bits per sub-pixel (less is better)")
        classical = rows.method.str.startswith("JPEG XL")
        colors = np.where(classical, style.CLASSICAL, style.LEARNED)
        points = np.column_stack([3 / rows.encode_mb_s, rows.bpsp])
        for color in (style.LEARNED, style.CLASSICAL):
            look = {"marker": style.MARKERS[color], "markersize": 7, "linewidth": 1.2}
            axes.plot(*points[colors == color].T, color=color, **look)
        axes.margins(0.2, 0.12)
        axes.grid(axis="both", which="major")
        style.label_points(axes, [*map(tuple, points)], [*rows.method], [*colors])
    return drawn


def main(arguments: list[str] | None = None) -> None:
    """Prints a table for each folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", action="append", help="default: those of the causal family")
    parser.add_argument("--longer", type=int, help="downscale to this longer side in pixels")
    parser.add_argument("--crop", type=int, help="take a square of this side from the middle")
    parser.add_argument("--grey", action="store_true", help="make photographs grey first")
    parser.add_argument("--every", type=int, default=1, help="take every so-many-th photograph")
    parser.add_argument("--efforts", type=int, nargs="+", default=EFFORTS, help="of JPEG XL")
    parser.add_argument("--out", type=Path, help="of table and figure, without suffix")
    chosen = parser.parse_args(arguments)
    limit_threads(1)
    each = coders(chosen.model or CAUSAL, chosen.efforts)
    best, tables = f"JPEG XL e{max(chosen.efforts)}", []
    for folder in chosen.folders:
        taken = [*images(folder, chosen.longer, chosen.crop, chosen.grey)][:: chosen.every]
        table = measure(folder.name, taken, each)
        tables.append(table)
        print(
            f"{folder}: {len(taken)} images\n{'':<18}   bpsp  of {best}  encode MB/s  decode MB/s"
        )
        least = table.bpsp[table.method == best].item()
        for row in table.itertuples():
            print(
                f"{row.method:<18}{row.bpsp:7.3f}  {row.bpsp / least:13.4f}"
                f"  {row.encode_mb_s:11.2f}  {row.decode_mb_s:11.2f}"
            )
    if chosen.out:
        whole = pd.concat(tables)
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        whole.to_csv(chosen.out.with_suffix(".csv"), index=False, float_format="%.4f")
        stamp = f"{hardware()}; {environment()}"
        svg, png = (chosen.out.with_suffix(suffix) for suffix in (".svg", ".png"))
        style.save(front(whole), svg, png, stamp)


if __name__ == "__main__":
    main()
