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


def union(packed: Iterable[bytes]) -> int:
    """All places of any of the sets. Often hundreds of sets of one place each, so lists are gathered first."""
    bits, lists = 0, []
    for one in packed:
        if one[:1] == _BITS:
            bits |= int.from_bytes(one[1:], "little")
        else:
            lists.append(one[1:])
    if lists:
        joined = b"".join(lists)
        places = _unstruct(f">{len(joined) // 2}H", joined)
        found = bytearray((max(places) >> 3) + 1)
        for place in places:
            found[place >> 3] |= 1 << (place & 7)
        bits |= int.from_bytes(found, "little")
    return bits


def unpack(packed: bytes) -> int:
    """What `pack` made."""
    return union([packed])


def each(bits: int) -> Iterator[int]:
    """The places, lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def bitmap(bits: int, size: int) -> bytes:
    """One bit for each of `size` places at least, as PostgreSQL's get_bit counts them."""
    return bits.to_bytes(max(size, bits.bit_length()) // 8 + 1, "little")
