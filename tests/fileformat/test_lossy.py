"""The lossy file: every field comes back, and every damage is found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fuzzers import fuzzer

from coder.errors import CoderError, CorruptStreamError
from l3c.fileformat import container, errors, lossy
from l3c.fileformat.lossy import LossyFile, is_lossy, pack, unpack

FILE = LossyFile(300, 5, b"modelxyz", b"payload", 0xDEADBEEF, {1: b"profile", 3: b""})


def test_fields_come_back() -> None:
    for file in (FILE, replace(FILE, sections={}), replace(FILE, payload=b"")):
        data = pack(file)
        assert unpack(data) == file
        assert is_lossy(data)


@pytest.mark.parametrize(
    "change",
    [{"height": 0}, {"height": 1 << 24}, {"model": b"short"}, {"sections": {200: b""}}],
    ids=str,
)
def test_what_the_format_does_not_allow_is_not_written(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        pack(replace(FILE, **change))  # type: ignore[arg-type]


def test_every_altered_byte_and_every_length_is_found() -> None:
    data = pack(FILE)
    for at in range(len(data)):
        with pytest.raises(CoderError):
            unpack(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(errors.NotL3CError if at < 8 else errors.TruncatedError):
            unpack(data[:at])
    with pytest.raises(errors.TrailingBytesError):
        unpack(data + b"\0")
    with pytest.raises(errors.NewerFormatError):
        unpack(data[:8] + b"\2" + data[9:])


def test_hostile_files_are_refused() -> None:
    """More of them: tests/fuzz/fuzz_container.py --lossy."""
    script = fuzzer("fuzz_container")
    answers, findings, _ = script.fuzz(3000, seed=0, files=script.lossy_corpus())
    assert findings == []
    assert len(answers) > 6
    assert answers["accepted"] > 0


def test_neither_kind_is_taken_for_the_other() -> None:
    with pytest.raises(errors.NotL3CError):
        container.unpack(pack(FILE))
    with pytest.raises(errors.NotL3CError):
        unpack(container.MAGIC + pack(FILE)[8:])
    assert not is_lossy(container.MAGIC)
    assert issubclass(errors.SectionAlteredError, CorruptStreamError)
    assert lossy.SUFFIX == ".l3y"
