"""CPU seconds and peak memory of `l3c` as a process, in turns with a bare import of NumPy, Pillow.

    python -m benchmarks.process IMAGE [IMAGE ...] [--model causal-fast] [--repeats 5]

Each image is encoded (and verified), described and decoded, one thread each. Seconds are those of
the processor, median of the repeats. Memory is the peak resident set, and what it is beyond the
samples of the image; the bare import has its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

BARE = ("-c", "import numpy, PIL.Image")


def child(*words: str) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of a Python process."""
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6  # kB on Linux


def main() -> None:
    """Prints a line for each process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--model", default="causal-middle")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    options = ["--quiet", "--force", "--threads", "1", "--model", chosen.model]
    for path in chosen.images:
        with Image.open(path) as image:
            samples = image.width * image.height * len(image.getbands()) / 1e6
        with tempfile.TemporaryDirectory() as folder:
            coded, back = f"{folder}/coded.l3c", f"{folder}/back.png"
            works = {
                "bare import": BARE,
                "encode": ("-m", "l3c", "encode", *options, str(path), "-o", coded),
                "info": ("-m", "l3c", "info", "--json", coded),
                "decode": ("-m", "l3c", "decode", *options, coded, "-o", back),
            }
            runs: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
            for _ in range(chosen.repeats):
                for name, words in works.items():
                    runs[name].append(child(*words))
        print(f"{path.name}, {samples:.1f} MB of samples\n{'':<12} CPU s  of bare  peak MB  beyond")
        bare = statistics.median(seconds for seconds, _ in runs["bare import"])
        for name, each in runs.items():
            seconds, peak = (statistics.median(column) for column in zip(*each, strict=True))
            beyond = f"{peak - samples:8.1f}" if name in ("encode", "decode") else ""
            print(f"{name:<12}{seconds:6.2f}{seconds / bare:9.2f}{peak:9.1f}{beyond}")


if __name__ == "__main__":
    main()
