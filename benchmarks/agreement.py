"""Whether encoder and decoder agree on one machine: python -m benchmarks.agreement FOLDER.

Random crops of photographs, of odd sizes, are encoded with two threads and with one; each file is
decoded with both numbers, in this process and in a fresh one. A decode is exact, refused (the
checksum found floating-point results that differ), or wrong, which would be a bug.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from coder.errors import NotExactError
from l3c.codec import Codec
from l3c.coding import decode_picture, encode_picture
from l3c.data.images import READABLE_SUFFIXES, ImageError, read_rgb
from l3c.picture import Picture
from l3c.zoo import open_codec

THREADS = (1, 2)


def random_crops(folder: Path, count: int, most: int, seed: int) -> Iterable[np.ndarray]:
    """uint8 (H, W, 3) with sides of 1 to `most` pixels, from the photographs in turn."""
    rng, images = np.random.default_rng(seed), []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in READABLE_SUFFIXES:
            try:
                images.append(read_rgb(path))
            except ImageError as error:
                print(f"left out: {error}", file=sys.stderr)
    for i in range(count):
        image = images[i % len(images)]
        height, width = (int(rng.integers(1, min(most, side) + 1)) for side in image.shape[:2])
        y = rng.integers(image.shape[0] - height + 1)
        x = rng.integers(image.shape[1] - width + 1)
        yield np.ascontiguousarray(image[y : y + height, x : x + width])


def outcome(codec: Codec, data: bytes, expected: np.ndarray) -> str:
    """Whether a decode was exact, refused or wrong."""
    try:
        decoded = decode_picture(data, lambda identity, device: codec).picture.samples
    except NotExactError:
        return "refused"
    return "exact" if np.array_equal(decoded, expected) else "wrong"


def decode_folder(folder: Path, model: str | None, threads: int) -> dict[str, int]:
    """Outcomes of all files of a folder, in this process."""
    torch.set_num_threads(threads)
    codec = open_codec(model, "cpu")
    paths = sorted(folder.glob("*.l3c"))
    return Counter(outcome(codec, p.read_bytes(), np.load(p.with_suffix(".npy"))) for p in paths)


def main() -> None:
    """Prints the outcomes of each setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of photographs")
    parser.add_argument("--crops", type=int, default=1000)
    parser.add_argument("--most", type=int, default=160, help="longest side of a crop")
    parser.add_argument("--model", help="name or path; the package's own by default")
    parser.add_argument("--decode", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.decode:
        print(json.dumps(decode_folder(arguments.folder, arguments.model, arguments.decode)))
        return
    codec = open_codec(arguments.model, "cpu")
    for encoding in THREADS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            torch.set_num_threads(encoding)
            crops = random_crops(arguments.folder, arguments.crops, arguments.most, seed=encoding)
            for i, crop in enumerate(crops):
                np.save(folder / f"{i:05}.npy", crop)
                data = encode_picture(Picture.from_array(crop), codec)
                (folder / f"{i:05}.l3c").write_bytes(data)
            for decoding in THREADS:
                here = decode_folder(folder, arguments.model, decoding)
                command = [sys.executable, "-m", "benchmarks.agreement", str(folder)]
                command += ["--decode", str(decoding)]
                command += ["--model", arguments.model] if arguments.model else []
                fresh = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
                print(f"encoded with {encoding} threads, decoded with {decoding}:", end=" ")
                print(f"this process {dict(here)}, a fresh one {fresh}", flush=True)


if __name__ == "__main__":
    main()
