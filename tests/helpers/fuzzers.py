"""What the fuzzers of `tests/fuzz` share."""

import argparse
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

NUMBERS = [bytes.fromhex(n) for n in ("00", "01", "7f", "8000", "8001", "ff7f", "808001")]
NUMBERS += [bytes.fromhex(n) for n in ("ffffffff07", "8080808008", "8080808010", "ffffffff7f")]
NUMBERS += [bytes.fromhex(n) for n in ("8080808000", "ffffffffff", "ffffffffffff01", "00000000")]

Answers = tuple[Counter[str], list[str], float]
"""How often each answer came, what was found, and the seconds of the slowest input."""


def changed(rng: random.Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """The bytes with one to four changes, some of them pieces of other files."""
    out = bytearray(data)
    for _ in range(1 + int(rng.random() ** 3 * 4)):
        at = rng.randrange(len(out) + 1)
        kind = rng.choice(["bit", "byte", "number", "cut", "splice", "end"])
        if kind == "bit" and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == "byte" and at < len(out):
            out[at] = rng.randrange(256)
        elif kind == "number":
            out[at : at + rng.randrange(6)] = rng.choice(NUMBERS)
        elif kind == "cut":
            del out[at : at + rng.choice((1, 1, 2, 3, 9, 1000))]
        elif kind == "splice":
            other = rng.choice(files)
            start = rng.randrange(len(other))
            out[at : at + rng.randrange(20)] = other[start : start + rng.randrange(1, 21)]
        elif kind == "end":
            out += bytes(rng.randrange(1, 5))
    return bytes(out)


def answers_to(inputs: int, make: Callable[[], Any], run: Callable[[Any, bool], str]) -> Answers:
    """Runs inputs as they are made; an error of `run` is a finding, up to 20 of them.

    `run` answers in a word. It is told of every fourth input to take what is left of it.
    """
    answers, findings, longest = Counter[str](), list[str](), 0.0
    for i in range(inputs):
        start, made = time.perf_counter(), make()
        try:
            answers[run(made, i % 4 == 3)] += 1
        except Exception as error:
            data = made if isinstance(made, bytes) else made[-1]
            findings.append(f"input {i}: {error!r}: {data.hex()}")
            if len(findings) == 20:
                break
        longest = max(longest, time.perf_counter() - start)
    return answers, findings, longest


def main(fuzz: Callable[[int, int, bool], Answers], other: str) -> int:
    """The command of a fuzzer: prints its answers; `other` is the flag for its other inputs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(other, action="store_true", dest="other")
    chosen = parser.parse_args()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    answers, findings, longest = fuzz(chosen.inputs, chosen.seed, chosen.other)
    seconds = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    for answer, count in answers.most_common():
        print(f"{count:>12,} {answer}")
    print(*findings, sep="\n")
    print(f"{seconds:.1f} s, the longest input {1e3 * longest:.1f} ms, {len(findings)} findings")
    print(f"{grown:,} KiB of memory more")
    return 1 if findings else 0
