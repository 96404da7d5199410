"""Encoding and decoding beside busy processes, by how OpenMP's threads wait for each other.

    python -m benchmarks.waiting PHOTOGRAPH [--threads 2] [--repeats 5]

Each setting codes in a process of its own. The settings take turns, so that all meet the same
machine. The table has medians; the machine should be idle but for this.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

SETTINGS: dict[str, dict[str, str]] = {
    "OpenMP's default (before)": {},
    "GOMP_SPINCOUNT=1000 (now)": {"GOMP_SPINCOUNT": "1000"},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
}
WIDTH, HEIGHT = 768, 512
_SPIN = "while True: pass"
# PyTorch first: the variables are left as they are.
_SERVE = "import torch; from benchmarks.waiting import serve; serve()"


class Coder:
    """A process that codes one photograph with one setting."""

    def __init__(self, photograph: Path, threads: int, variables: dict[str, str]) -> None:
        fixed = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")
        environment = {k: v for k, v in os.environ.items() if k not in fixed} | variables
        command = [sys.executable, "-c", _SERVE, str(photograph), str(threads)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, env=environment, stdin=pipe, stdout=pipe, text=True
        )

    def seconds(self) -> tuple[float, float]:
        """Of encoding and of decoding, once."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        encode_s, decode_s = self.process.stdout.readline().split()
        return float(encode_s), float(decode_s)


def serve() -> None:
    """Codes once for each line of standard input; run by `Coder`."""
    import numpy as np
    import torch
    from PIL import Image

    from l3c.coding import decode_picture, encode_picture
    from l3c.images.picture import Picture
    from l3c.models.zoo import open_codec
    from l3c.tile_coding import Choice

    path, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    with Image.open(path) as file:
        image = np.asarray(file.convert("RGB"))[:HEIGHT, :WIDTH]
    codec = open_codec(None, "cpu")
    for _ in sys.stdin:
        start = time.perf_counter()
        data = encode_picture(Picture.from_array(image), codec, choice=Choice.NETWORK)
        middle = time.perf_counter()
        decoded = decode_picture(data, lambda *model: codec).samples
        end = time.perf_counter()
        if not np.array_equal(decoded, image):
            raise SystemExit("the decoded image differs")
        print(middle - start, end - middle, flush=True)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", _SPIN]))
            stack.callback(process.kill)
        yield


def measure(
    photograph: Path, threads: int, neighbours: Sequence[int], repeats: int
) -> dict[str, list[tuple[float, float]]]:
    """Median seconds to encode and to decode, by setting, for each number of busy processes."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in SETTINGS}
    with ExitStack() as stack:
        coders = {}
        for name, variables in SETTINGS.items():
            coders[name] = coder = Coder(photograph, threads, variables)
            stack.enter_context(coder.process)
            stack.callback(coder.process.kill)
            coder.seconds()
        for count in neighbours:
            runs: dict[str, list[tuple[float, float]]] = {name: [] for name in SETTINGS}
            with busy(count):
                for _ in range(repeats):
                    for name, coder in coders.items():
                        runs[name].append(coder.seconds())
            for name, of_setting in runs.items():
                encode_s, decode_s = (
                    statistics.median(run) for run in zip(*of_setting, strict=True)
                )
                found[name].append((encode_s, decode_s))
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting", description=__doc__)
    parser.add_argument(
        "photograph", type=Path, help=f"its first {WIDTH}x{HEIGHT} pixels are coded"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2], help="busy processes")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    table = measure(chosen.photograph, chosen.threads, chosen.busy, chosen.repeats)
    print(f"Seconds to encode / decode, {WIDTH}x{HEIGHT}, {chosen.threads} threads, medians of")
    print(f"{chosen.repeats} runs; load of the machine in the minute before: ", end="")
    print(f"{os.getloadavg()[0]:.1f} (with the busy processes and this)\n")
    print("| waiting | " + " | ".join(f"beside {count} busy" for count in chosen.busy) + " |")
    print("| --- |" + " ---: |" * len(chosen.busy))
    for name, cells in table.items():
        print(f"| {name} | " + " | ".join(f"{e:.2f} / {d:.2f}" for e, d in cells) + " |")


if __name__ == "__main__":
    main()
