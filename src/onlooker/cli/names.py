"""Names of files and pictures: as an output holds them, as a terminal may show them, and which of them are one."""

import os
from unicodedata import category

BUCKET = "s3://"
"""What an address begins with that is no path: ``s3://bucket/key``."""

STANDARD_INPUT = "-"
"""The path, and the name, of a picture that comes on standard input."""


def as_written(name: str) -> str:
    """A picture's name as a file holds it: a path that is no UTF-8 has its odd bytes written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def identity(name: str) -> str:
    """What a picture goes by, however its path is written: ``w/a.jpg``, ``./w/a.jpg`` and the whole path are one. What
    is no path (an address, standard input) goes by its name."""
    written = as_written(name)
    if written == STANDARD_INPUT or written.startswith(BUCKET):
        return written
    return os.path.abspath(written)  # noqa: PTH100 (pathlib's keeps "..")


def printable(text: str, keep: str = "") -> str:
    """Text as a terminal may show it: what is no printable character (and could move the cursor, begin a line or turn
    the letters round) is an escape, but for those of ``keep``."""
    if text.isprintable():
        return text
    return "".join(
        c if c in keep or c.isprintable() or category(c) == "Zs" else c.encode("unicode_escape").decode() for c in text
    )


def shorten(name: str, width: int) -> str:
    """The end of a long name, with an ellipsis before it, as a terminal may show it."""
    name = printable(name)
    return name if len(name) <= width else "\N{HORIZONTAL ELLIPSIS}" + name[-width + 1 :]
