"""What the fuzzers of `tests/fuzz` share, and how tests get them for short runs."""

import importlib.util
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

FUZZ = Path(__file__).parents[1] / "fuzz"
NUMBERS = [bytes.fromhex(n) for n in ("00", "01", "7f", "8000", "8001", "ff7f", "808001")]
NUMBERS += [bytes.fromhex(n) for n in ("ffffffff07", "8080808008", "8080808010", "ffffffff7f")]
NUMBERS += [bytes.fromhex(n) for n in ("8080808000", "ffffffffff", "ffffffffffff01", "00000000")]

Answers = tuple[Counter[str], list[str], float]
"""How often each answer came, what was found, and the seconds of the slowest input."""


def fuzzer(name: str) -> ModuleType:
    """The script `tests/fuzz/<name>.py` as a module."""
    spec = importlib.util.spec_from_file_location(name, FUZZ / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def answers_to(inputs: int, run: Callable[[int], str]) -> Answers:
    """Runs the inputs; an error of `run` is a finding, up to 20 of them."""
    answers, findings, longest = Counter[str](), list[str](), 0.0
    for i in range(inputs):
        start = time.perf_counter()
        try:
            answers[run(i)] += 1
        except Exception as error:
            findings.append(f"input {i}: {error!r}")
            if len(findings) == 20:
                break
        longest = max(longest, time.perf_counter() - start)
    return answers, findings, longest


def report(found: Answers, seconds: float) -> int:
    """Prints the answers; the exit status."""
    answers, findings, longest = found
    for answer, count in answers.most_common():
        print(f"{count:>12,} {answer}")
    print(*findings, sep="\n")
    print(f"{seconds:.1f} s, the longest input {1e3 * longest:.1f} ms, {len(findings)} findings")
    return 1 if findings else 0
