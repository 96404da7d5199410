"""Lengths as LEB128: seven bits a byte, the low ones first, the top bit set on all but the last.

At most five bytes, and always the shortest form, so that a length has one spelling, and so a file.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from coder.errors import CorruptStreamError

_MOST_BYTES = 5
_END = 1 << 7 * _MOST_BYTES
_GET_AGAIN = "get the file again from where it came from"


def leb128(value: int, name: str = "number") -> bytes:
    """The bytes of a number.

    Raises:
        ValueError: 2^35 or more; the message calls it by its name.
    """
    if value >= _END:
        raise ValueError(f"{name} of {value} is too large: expected less than 2^35")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_leb128(
    data: bytes | memoryview,
    position: int,
    error: type[CorruptStreamError] = CorruptStreamError,
    ended: type[CorruptStreamError] | None = None,
) -> tuple[int, int]:
    """The number at a position, and where it ends.

    Args:
        data: the bytes.
        position: where the number starts.
        error: raised if there is none.
        ended: raised where the data end inside it; `error` by default.
    """
    if position < len(data) and (first := data[position]) < 0x80:
        return first, position + 1  # most numbers, without a loop
    value = shift = 0
    for byte in data[position : position + _MOST_BYTES]:
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if not byte and shift:
                raise error(f"a number is not in its shortest form; {_GET_AGAIN}")
            return value, position
        shift += 7
    if shift == 7 * _MOST_BYTES:
        raise error(f"a number has more than five bytes; {_GET_AGAIN}")
    raise (ended or error)(f"the bytes end inside a number; {_GET_AGAIN}")


def join(parts: Sequence[bytes | memoryview]) -> bytes:
    """Byte strings as one: the lengths of all but the last, then the strings."""
    return b"".join([*(leb128(len(part), "part") for part in parts[:-1]), *parts])


def split(data: bytes | memoryview, count: int) -> list[int]:
    """Where each of `count` joined byte strings, at least one, starts; and where the last ends.

    Raises:
        CorruptStreamError: the lengths do not fit the data.
    """
    at, sizes = 0, []
    for _ in range(count - 1):
        size, at = read_leb128(data, at)
        sizes.append(size)
    starts = list(itertools.accumulate(sizes, initial=at))
    if starts[-1] > len(data):
        raise CorruptStreamError(f"parts of {sum(sizes)} bytes where {len(data) - at} are there")
    return [*starts, len(data)]
