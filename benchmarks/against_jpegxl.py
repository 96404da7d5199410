"""Released models against JPEG XL: bytes of whole files, CPU seconds in turns on one thread.

    python -m benchmarks.against_jpegxl kodak/ photographs/ --longer 768
    python -m benchmarks.against_jpegxl photographs/ --crop 768

Every file is decoded and compared. Seconds are those of the process: other programs lengthen them
less than the clock's, and ratios of the same run less still.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from l3c.coding import decode_picture, encode_picture
from l3c.images.picture import Picture
from l3c.models.tile_codec import TileCodec
from l3c.models.zoo import open_codec
from l3c.threads import limit_threads

Pixels = npt.NDArray[np.uint8]
Coder = tuple[Callable[[Pixels], bytes], Callable[[bytes], Pixels]]
EFFORTS = (3, 7, 9)


def images(folder: Path, longer: int | None, crop: int | None) -> Iterator[Pixels]:
    """Photographs of a folder, downscaled (Lanczos) to a longer side, or cut to their middles."""
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        if longer and max(image.size) > longer:
            factor = longer / max(image.size)
            size = (round(image.width * factor), round(image.height * factor))
            image = image.resize(size, Image.Resampling.LANCZOS)
        pixels = np.asarray(image)
        if crop:
            top, left = (max(0, (side - crop) // 2) for side in pixels.shape[:2])
            pixels = pixels[top : top + crop, left : left + crop]
        yield np.ascontiguousarray(pixels)


def coders(models: list[str]) -> dict[str, Coder]:
    """Encoder and decoder of each model, and of JPEG XL at several efforts."""
    found = {f"JPEG XL e{effort}": _jpegxl(effort) for effort in EFFORTS}
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
        return decode_picture(data, lambda *model: codec).picture.samples

    return encode, decode


def main(arguments: list[str] | None = None) -> None:
    """Prints a table for each folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", action="append", help="default: causal-middle, causal-fast")
    parser.add_argument("--longer", type=int, help="downscale to this longer side in pixels")
    parser.add_argument("--crop", type=int, help="take a square of this side from the middle")
    parser.add_argument("--every", type=int, default=1, help="take every so-many-th photograph")
    chosen = parser.parse_args(arguments)
    limit_threads(1)
    each = coders(chosen.model or ["causal-middle", "causal-fast"])
    for folder in chosen.folders:
        bpsp: dict[str, list[float]] = defaultdict(list)
        seconds: dict[str, Any] = defaultdict(lambda: np.zeros(2))
        taken = [*images(folder, chosen.longer, chosen.crop)][:: chosen.every]
        for pixels in taken:
            for name, (encode, decode) in each.items():
                start = time.process_time()
                data = encode(pixels)
                middle = time.process_time()
                if not np.array_equal(decode(data), pixels):
                    raise SystemExit(f"{name}: not lossless on an image of {folder}")
                seconds[name] += (middle - start, time.process_time() - middle)
                bpsp[name].append(8 * len(data) / pixels.size)
        size = sum(pixels.size for pixels in taken) / 1e6
        best = f"JPEG XL e{EFFORTS[-1]}"
        print(
            f"{folder}: {len(taken)} images\n{'':<18}   bpsp  of {best}  encode MB/s  decode MB/s"
        )
        for name in each:
            mean, (encode_s, decode_s) = np.mean(bpsp[name]), seconds[name]
            print(
                f"{name:<18}{mean:7.3f}  {mean / np.mean(bpsp[best]):13.4f}"
                f"  {size / encode_s:11.2f}  {size / decode_s:11.2f}"
            )


if __name__ == "__main__":
    main()
