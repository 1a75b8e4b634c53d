"""What is said of a picture that was read, but not all of its file."""

import struct

TRUNCATED = "is truncated, and was decoded as far as it goes; copy the file again"
FURTHER_PAGES = "has further pages; the first was read"

_PAGES = 16
"""Pages after the first that are looked at: in one that is read often, more than that are smaller copies of it."""

_ENTRIES = 32
"""Entries of a page that are looked at: they go by the numbers of their tags, and ``_SUBFILE`` is the least."""

_SUBFILE, _SMALLER = 254, 1
"""TIFF's tag NewSubfileType, and its bit for a page that is another one in small (TIFF 6.0, section 8)."""

_SHORT = 3
"""TIFF's type of a whole number of two bytes."""


def of_pages(data: bytes) -> list[str]:
    """That a TIFF of these bytes has further pages, if it has. An animation's first picture stands for it, and the
    second one of a telephone's is a depth map or the like.

    The pages are followed here, and only as far as the answer needs (TIFF 6.0, section 2; BigTIFF's offsets have eight
    bytes): a small file may name a hundred thousand, each of which Pillow would read in whole to count them.
    """
    order, big = "<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+")
    pointer, number, head = (f"{order}Q", f"{order}Q", 8) if big else (f"{order}L", f"{order}H", 4)
    entry = 20 if big else 12
    try:
        (page,) = struct.unpack_from(pointer, data, head)
        seen = {page}
        for looked_at in range(1 + _PAGES):
            (entries,) = struct.unpack_from(number, data, page)
            begin = page + struct.calcsize(number)
            (following,) = struct.unpack_from(pointer, data, begin + entries * entry)
            if looked_at and not _smaller(data, order, range(begin, begin + entries * entry, entry)):
                return [FURTHER_PAGES]
            if not following or following in seen:
                break
            page = following
            seen.add(page)
    except (struct.error, OverflowError):  # a page that is damaged is none, and must not lose the first
        pass
    return []


def _smaller(data: bytes, order: str, entries: range) -> bool:
    """Whether a page, whose entries begin at these bytes, is another one in small."""
    for at in entries[:_ENTRIES]:
        tag, kind = struct.unpack_from(f"{order}HH", data, at)
        if tag == _SUBFILE:  # a value that is short enough stands at the end of its entry
            value = at + entries.step - (8 if entries.step == 20 else 4)
            return bool(struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'L'}", data, value)[0] & _SMALLER)
    return False
