"""Hostile bytes: the C core under sanitizers, and streams with lengths that lie.

tests/fuzz/README.md tells how the same driver runs as a coverage-guided fuzz target.
"""

import os
import shutil
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder import range_coder, reference
from coder.errors import CorruptStreamError
from coder.shape import MixtureShape, lane_count

FUZZ = Path(__file__).parent.parent / "fuzz"
CODER = Path(range_coder.__file__).parent
SECONDS = 3

Z = MixtureShape(channels=1, levels=25, mixtures=1)


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fuzz drivers and the C core, compiled with sanitizers of addresses and of behaviour."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("fuzz")
    flags = ["-std=c11", "-g", "-O0", "-Wall", "-Wextra", "-Werror"]
    flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    probe = [compiler, *flags, folder / "empty.c", "-o", folder / "empty"]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip(f"{compiler} has no sanitizers")
    if subprocess.run([folder / "empty"], capture_output=True).returncode:
        pytest.skip("programs with sanitizers do not run here")
    tables = folder / "tables.c"
    subprocess.run([sys.executable, FUZZ / "write_tables.py", tables], check=True)
    causal = ["causal", "causal_dense", "causal_fit", "causal_loss", "lanes"]
    for name, core in (("fuzz_lanes", ["lanes"]), ("fuzz_causal", causal)):
        sources = [FUZZ / f"{name}.c", tables, *(CODER / f"{part}.c" for part in core)]
        command = [compiler, *flags, "-DSTANDALONE", f"-I{CODER}", *sources]
        subprocess.run([*command, "-o", folder / name, "-lm"], check=True)
    return folder


def run(command: list[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20 * SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "least"), [("fuzz_lanes", 100), ("fuzz_causal", 5)])
def test_random_inputs_under_sanitizers(drivers: Path, name: str, least: int) -> None:
    inputs = int(run([drivers / name, str(SECONDS), "1"]).split()[0])
    assert inputs > least


def test_found_cases_under_sanitizers(drivers: Path) -> None:
    cases = sorted((FUZZ / "cases").iterdir())
    assert run([drivers / "fuzz_lanes", "-r", *cases]) == f"{len(cases)} files\n"


lengths_that_lie = st.one_of(
    st.binary(max_size=40),
    st.integers(0, 2**35).map(lambda n: bytes([n >> s & 127 | 128 for s in (0, 7, 14, 21)] + [15])),
    st.integers(0, 12).map(lambda n: b"\xff" * n),
)


@settings(max_examples=100, deadline=None)
@given(lengths_that_lie, st.sampled_from([1, 8191, 8192, 16_384]))
def test_lengths_that_lie_take_no_memory(data: bytes, pixels: int) -> None:
    parameters = np.zeros((pixels, Z.parameters), np.int32)
    tracemalloc.start()
    start = time.perf_counter()
    try:
        symbols = range_coder.decode_mixture(data, parameters, Z, threads=1)
        assert symbols.shape == (pixels, 1)
        assert symbols.max() < 25
    except CorruptStreamError:
        assert lane_count(pixels) > 1
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 200_000
    assert time.perf_counter() - start < 10


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=20), st.data())
def test_flipped_and_truncated_streams_decode_alike_everywhere(
    noise: bytes, draw: st.DataObject
) -> None:
    rng = np.random.default_rng(len(noise))
    shape = MixtureShape(channels=3, levels=256, mixtures=2, coupled=True)
    parameters = rng.integers(-(2**16), 2**16, (20, shape.parameters)).astype(np.int32)
    symbols = rng.integers(0, 256, (20, 3))
    stream = bytearray(range_coder.encode_mixture(symbols, parameters, shape))
    for byte in noise:
        stream[draw.draw(st.integers(0, len(stream) - 1))] ^= byte
    data = bytes(stream[: draw.draw(st.integers(0, len(stream)))])
    decoded = range_coder.decode_mixture(data, parameters, shape)
    assert (decoded == reference.decode_mixture(data, parameters, shape)).all()


@pytest.mark.parametrize("sign", [-1, 1])
def test_means_pushed_as_far_as_they_go(sign: int) -> None:
    # 31 coupled channels and the largest alphabet: the sum of all lambda x just fits 32 bits
    shape = MixtureShape(channels=31, levels=65_535, mixtures=1, coupled=True)
    parameters = np.full((1, shape.parameters), sign * (2**31 - 1), np.int32)
    parameters[:, 62:93] = 0  # log sigma
    symbols = np.full((1, 31), 65_534)
    stream = range_coder.encode_mixture(symbols, parameters, shape)
    assert stream == reference.encode_mixture(symbols, parameters, shape)
    assert (range_coder.decode_mixture(stream, parameters, shape) == symbols).all()
    cdf = range_coder.mixture_cdf(parameters, shape, 30, symbols).astype(np.int64)
    assert (np.diff(cdf) >= 1).all()
