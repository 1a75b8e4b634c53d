"""No command writes over what it reads, and no two runs write into one file."""

import os
import stat
import sys
from pathlib import Path
from typing import IO, Any

from onlooker.core.errors import InputError

File = str | Path

_SQLITE = b"SQLite format 3\0"
"""What a database begins with (sqlite.org/fileformat2.html, 1.3)."""


def refuse_own_input(output: File | None, *inputs: File | None, option: str = "--output") -> None:
    """Raise ``InputError`` where a file that is to be written is one of those that are read, under whatever name. What
    is not there, and what is no file (a pipe, a terminal), is nothing that could be lost."""
    there = _file(output)
    if there is not None and any(os.path.samestat(there, seen) for seen in map(_file, inputs) if seen is not None):
        raise InputError(f"{output}: is what this command reads, and would be written over; name another {option}")


def refuse_database(output: Path | None) -> None:
    """Raise ``InputError`` where a database of SQLite is to be written over: the ledger itself, or another's."""
    if output is None or _file(output) is None:
        return
    with output.open("rb") as file:
        if file.read(len(_SQLITE)) == _SQLITE:
            raise InputError(f"{output}: is a database, perhaps the ledger itself; name another --output")


def _file(path: File | None) -> os.stat_result | None:
    """What is known of a file; None where there is none."""
    try:
        seen = None if path is None else os.stat(path)  # noqa: PTH116 (a name may be an address, which Path mangles)
    except (OSError, ValueError):
        return None
    return seen if seen is not None and stat.S_ISREG(seen.st_mode) else None


def standard_of(path: Path) -> int | None:
    """The number under which a file is open as standard output or error, as ``/dev/stdout`` is where that goes to a
    file. Others may hold it open too: it is written where it ends, and no other takes its place."""
    there = _file(path)
    for number in (1, 2):
        try:
            if there is not None and os.path.samestat(there, os.fstat(number)):
                return number
        except OSError:  # closed
            continue
    return None


def hold(file: IO[Any], shown: str) -> None:
    """Keep other runs out of an open file until it is closed, or this process ends. Raises ``InputError`` where one is
    in it. Where the system has no such lock (Windows, some network drives) nobody is kept out."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"{shown}: another run is writing into it; wait for its end, or name another --output file"
        ) from None
    except OSError:
        return
