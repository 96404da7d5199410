"""What the fuzzers of `tests/fuzz` share."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

NUMBERS = [bytes.fromhex(n) for n in ("00", "01", "7f", "8000", "8001", "ff7f", "808001")]
NUMBERS += [bytes.fromhex(n) for n in ("ffffffff07", "8080808008", "8080808010", "ffffffff7f")]
NUMBERS += [bytes.fromhex(n) for n in ("8080808000", "ffffffffff", "ffffffffffff01", "00000000")]


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


def source() -> random.Random:
    """Of all that a fuzzer chooses; L3C_FUZZ_SEED gives other inputs."""
    return random.Random(int(os.environ.get("L3C_FUZZ_SEED", "0")))


def answers_to(
    inputs: int, made: Iterator[Any], run: Callable[[Any, bool], str]
) -> tuple[Counter[str], list[str]]:
    """How often each answer came, and what was found: errors of `run`, up to 20 of them.

    `run` answers in a word. It is told of every fourth input to take what is left of it.
    L3C_FUZZ_INPUTS is another number of inputs.
    """
    answers, findings, longest = Counter[str](), list[str](), 0.0
    for i, given in enumerate(islice(made, int(os.environ.get("L3C_FUZZ_INPUTS", inputs)))):
        start = time.perf_counter()
        try:
            answers[run(given, i % 4 == 3)] += 1
        except Exception as error:
            data = given if isinstance(given, bytes) else given[-1]
            findings.append(f"input {i}: {error!r}: {data.hex()}")
            if len(findings) == 20:
                break
        longest = max(longest, time.perf_counter() - start)
    print(*answers.most_common(), f"the longest input {1e3 * longest:.1f} ms", sep="\n")
    return answers, findings
