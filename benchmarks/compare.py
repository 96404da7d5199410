"""Our coder and its peers on the same symbols: a table with ratios, and the same as CSV.

    python -m benchmarks.compare --out results/run/benchmarks/coder.csv

One thread each, all in one run, every result decoded and compared. See README.md for the columns.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.data import Sample, of_network, rgb_shape, synthetic
from benchmarks.methods import FROM_PARAMETERS, FROM_TABLES, Method, Parts
from benchmarks.rate import cross_entropy, rate_cost
from coder._range_coder import use_variant
from l3c.messages import aligned

_LEAST_S = 0.3  # a short operation is repeated within a round until it has taken so long


@dataclass
class Row:
    """One method on one sample; times are the best of all rounds, of the CPU.

    encode_ratio, decode_ratio: its time over that of the first method given the same.
    """

    given: str
    method: str
    version: str
    source: str
    symbols: int
    levels: int
    mixtures: int
    num_bytes: int | None = None
    bits_per_symbol: float | None = None
    over_entropy_percent: float | None = None
    encode_s: float | None = None
    decode_s: float | None = None
    encode_msymbol_s: float | None = None
    decode_msymbol_s: float | None = None
    encode_ratio: float | None = None
    decode_ratio: float | None = None
    lossless: bool | None = None
    note: str = ""


def compare(
    sample: Sample, methods: Sequence[type[Method]], rounds: int, say: Callable[[str], None]
) -> list[Row]:
    """Rows of all methods, which take turns so that a busy moment does not meet only one."""
    bits = cross_entropy(sample)
    symbols = sample.symbols.copy()  # a method could write to its own
    rows, running = [], []
    for method in methods:
        row = Row(
            method.given,
            method.name,
            method.version(),
            sample.source,
            sample.symbols.size,
            sample.shape.levels,
            sample.shape.mixtures,
        )
        rows.append(row)
        if not method.available():
            row.note = "not installed"
            continue
        try:
            running.append((row, method(sample)))
        except (ImportError, OSError, RuntimeError) as error:  # torchac compiles on import
            row.note = f"does not start: {str(error).splitlines()[0]}"
    for turn in range(rounds):
        for row, coding in running:
            say(f"round {turn + 1}/{rounds}: {row.method}, given {row.given}")
            encode_s, parts = _best(coding.encode)
            decode_s, found = _best(lambda c=coding, p=parts: c.decode(p))  # type: ignore[misc]
            row.encode_s = min(encode_s, row.encode_s or encode_s)
            row.decode_s = min(decode_s, row.decode_s or decode_s)
            lossless = np.array_equal(found, symbols)
            row.lossless = lossless and row.lossless is not False
            _sizes(row, parts, bits)
    first = rows[0]
    for row in rows:
        if row.encode_s and row.decode_s:
            row.encode_msymbol_s = row.symbols / row.encode_s / 1e6
            row.decode_msymbol_s = row.symbols / row.decode_s / 1e6
            row.encode_ratio = row.encode_s / (first.encode_s or row.encode_s)
            row.decode_ratio = row.decode_s / (first.decode_s or row.decode_s)
    return rows


def _best(operation: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of the fastest run, and a result.

    All run on one thread, so that this is the time they take on an idle machine; the wall clock
    also shows what else runs.
    """
    best, spent = float("inf"), 0.0
    gc.collect()
    while spent < _LEAST_S:
        start = time.process_time()
        result = operation()
        taken = time.process_time() - start
        best, spent = min(best, taken), spent + taken
    return best, result


def _sizes(row: Row, parts: Parts, bits: float) -> None:
    row.num_bytes = sum(len(part) for part in parts)
    row.bits_per_symbol = 8 * row.num_bytes / row.symbols
    row.over_entropy_percent = 100 * (8 * row.num_bytes / bits - 1)


def as_text(rows: Sequence[Row]) -> str:
    """The rows as a table to read; the ratio says how much longer a method takes than ours."""
    head = ["given", "method", "version", "bits/symbol", "over entropy"]
    head += ["encode Msym/s", "ratio", "decode Msym/s", "ratio", "lossless"]
    lines = [head]
    for row in rows:
        cells = [row.given, row.method, row.version]
        if row.encode_s is None:
            lines.append([*cells, row.note, *[""] * 6])
            continue
        cells += [f"{row.bits_per_symbol:.4f}", f"{row.over_entropy_percent:+.4f} %"]
        cells += [f"{row.encode_msymbol_s:.3f}", f"{row.encode_ratio:.2f}"]
        cells += [f"{row.decode_msymbol_s:.3f}", f"{row.decode_ratio:.2f}"]
        lines.append([*cells, "yes" if row.lossless else "NO"])
    return "\n".join(aligned(lines, range(3, len(head))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 where something was not lossless."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--out", type=Path, help="CSV file to write")
    parser.add_argument("--size", type=int, default=512, help="height and width (default 512)")
    parser.add_argument("--mixtures", type=int, default=10, help="K of made-up parameters")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each method (default 3)")
    parser.add_argument("--weights", type=Path, help="trained network, <name>.safetensors")
    parser.add_argument("--image", type=Path, help="what it predicts; both or none")
    chosen = parser.parse_args(arguments)
    if (chosen.weights is None) != (chosen.image is None):
        parser.error("--weights and --image belong together")
    torch.set_num_threads(1)
    if chosen.weights:
        sample = of_network(chosen.weights, chosen.image, chosen.size)
    else:
        sample = synthetic(chosen.size, chosen.size, rgb_shape(chosen.mixtures))

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    cost = rate_cost(sample)
    rows = []
    for methods in (FROM_PARAMETERS, FROM_TABLES):
        rows += compare(sample, methods, chosen.rounds, say)
    print(f"{sample.source}: {cost.symbols} symbols, K = {sample.shape.mixtures}")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, AVX2 {'yes' if use_variant() else 'no'}, "
        f"torch {torch.__version__}, one thread, CPU time, best of {chosen.rounds} rounds"
    )
    print(as_text(rows))
    print(
        f"cross-entropy {cost.cross_entropy / cost.symbols:.4f} bits a symbol, coded "
        f"{cost.cost:+.4f} %; {cost.lanes} lanes cost {cost.lanes_cost:.4f} %"
    )
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(map(asdict, rows), dtype=object).to_csv(chosen.out, index=False)
    return 0 if all(row.lossless is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
