"""Sets of places within a segment: integers whose bit n stands for place n, and how the database keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import pack as _struct
from struct import unpack as _unstruct

_LIST, _BITS = b"\x00", b"\x01"


def pack(bits: int) -> bytes:
    """The shorter of two forms: the places themselves, two bytes each, or one bit for each place there is."""
    size = (bits.bit_length() + 7) // 8
    if bits.bit_count() * 2 < size:
        places = list(each(bits))
        return _LIST + _struct(f">{len(places)}H", *places)
    return _BITS + bits.to_bytes(size, "little")


def unpack(packed: bytes) -> int:
    """What `pack` made."""
    if packed[:1] == _BITS:
        return int.from_bytes(packed[1:], "little")
    bits = 0
    for place in _unstruct(f">{len(packed) // 2}H", packed[1:]):
        bits |= 1 << place
    return bits


def union(packed: Iterable[bytes]) -> int:
    """All places of any of the sets."""
    bits = 0
    for one in packed:
        bits |= unpack(one)
    return bits


def each(bits: int) -> Iterator[int]:
    """The places, lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def bitmap(bits: int, size: int) -> bytes:
    """One bit for each of `size` places at least, as PostgreSQL's get_bit counts them."""
    return bits.to_bytes(max(size, bits.bit_length()) // 8 + 1, "little")
