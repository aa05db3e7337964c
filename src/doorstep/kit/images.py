"""Pictures from strangers: a PNG or JPEG taken apart and put together from what a picture needs, nothing else.

What is neither (an SVG can hold a script), too large, or a picture and something else at once, is refused or loses it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

PIXELS_MOST: Final = 2_000  # in each direction
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_FRAMES: Final = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_KEPT: Final = (*_FRAMES, 0xC4, 0xDB, 0xDD)  # and Huffman tables, quantization, restart interval
_ADOBE: Final = 0xEE


class NoPicture(ValueError):
    """Why it is no picture that we take, in words."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as it may be shown: `media_type` is image/png or image/jpeg."""

    content: bytes
    media_type: str
    width: int
    height: int


def cleaned(content: bytes) -> Picture:
    """The picture without whatever else the file held. Raises NoPicture."""
    if content.startswith(_PNG):
        return _png(content)
    if content.startswith(b"\xff\xd8\xff"):
        return _jpeg(content)
    raise NoPicture("This is neither a PNG nor a JPEG.")


def _check_size(width: int, height: int) -> None:
    if not (1 <= width <= PIXELS_MOST and 1 <= height <= PIXELS_MOST):
        raise NoPicture(f"{PIXELS_MOST} by {PIXELS_MOST} pixels at most, not {width} by {height}.")


def _png(content: bytes) -> Picture:
    """PNG (ISO/IEC 15948): its header, palette, transparency, and its pixels, unpacked, counted and packed again."""
    parts: dict[bytes, bytes] = {}
    for kind, data in _chunks(content):
        if kind == b"IDAT":
            parts[kind] = parts.get(kind, b"") + data
        elif kind in (b"IHDR", b"PLTE", b"tRNS"):
            parts.setdefault(kind, data)
    head = parts.get(b"IHDR", b"")
    if len(head) != 13 or b"IDAT" not in parts:
        raise NoPicture("This PNG is broken.")
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", head)
    _check_size(width, height)
    if depth not in _DEPTHS.get(color, ()) or (color == 3 and b"PLTE" not in parts):
        raise NoPicture("This PNG is broken.")
    if interlaced:
        raise NoPicture("Save the PNG without interlacing.")
    row = 1 + (width * _CHANNELS[color] * depth + 7) // 8
    unpack = zlib.decompressobj()
    try:
        pixels = unpack.decompress(parts[b"IDAT"], row * height + 1)
    except zlib.error:
        raise NoPicture("This PNG is broken.") from None
    if len(pixels) != row * height or any(pixels[at] > 4 for at in range(0, len(pixels), row)):
        raise NoPicture("This PNG is broken.")
    parts[b"IDAT"] = zlib.compress(pixels, 9)
    kept = [(kind, parts[kind]) for kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT") if kind in parts]
    whole = _PNG + b"".join(_chunk(kind, data) for kind, data in (*kept, (b"IEND", b"")))
    return Picture(content=whole, media_type="image/png", width=width, height=height)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if content[at + 8 + length : at + 12 + length] != struct.pack(">I", zlib.crc32(kind + data)):
            break
        if kind == b"IEND":
            return
        yield kind, data
        at += 12 + length
    raise NoPicture("This PNG is broken.")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _jpeg(content: bytes) -> Picture:
    """JPEG (ISO/IEC 10918-1): the segments a decoder needs, up to the end of the image."""
    kept, size = [b"\xff\xd8"], (0, 0)
    at = 2
    while True:
        if content[at : at + 1] != b"\xff" or at + 2 > len(content):
            raise NoPicture("This JPEG is broken.")
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xD9:
            break
        length = int.from_bytes(content[at + 2 : at + 4])
        segment = content[at : at + 2 + length]
        if length < 2 or len(segment) != 2 + length:
            raise NoPicture("This JPEG is broken.")
        if marker in _FRAMES and length >= 8:
            height, width = struct.unpack_from(">HH", segment, 5)
            size = (width, height)
            _check_size(*size)
        at += len(segment)
        if marker == 0xDA:
            scan = _scan_end(content, at)
            kept += [segment, content[at:scan]]
            at = scan
        elif marker in _KEPT or (marker == _ADOBE and segment[4:9] == b"Adobe" and length == 14):
            kept.append(segment)
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            raise NoPicture("This JPEG is of a kind that browsers do not show.")
    if size == (0, 0) or len(kept) < 4:
        raise NoPicture("This JPEG is broken.")
    whole = b"".join((*kept, b"\xff\xd9"))
    return Picture(content=whole, media_type="image/jpeg", width=size[0], height=size[1])


def _scan_end(content: bytes, at: int) -> int:
    """Where a scan's data end: at the first marker that is neither a stuffed zero nor a restart."""
    while True:
        at = content.find(b"\xff", at)
        if at < 0 or at + 1 >= len(content):
            raise NoPicture("This JPEG is broken.")
        if content[at + 1] != 0 and not 0xD0 <= content[at + 1] <= 0xD7:
            return at
        at += 2
