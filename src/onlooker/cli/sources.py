"""From the paths on a command line to the pictures to read."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from onlooker.media.images import SUFFIXES

Item = tuple[str, str | bytes]
"""What a picture is reported as, and its path or bytes."""


def expand(paths: Sequence[str]) -> Iterator[Item]:
    """Every picture the paths name, in the order given: a file, a folder (all pictures below it, sorted), ``-``.

    A path that does not exist is passed on, so that it is reported in its place. A folder without a picture stands for
    itself, for the same reason.
    """
    for path in paths:
        if path == "-":
            yield "-", sys.stdin.buffer.read()
        elif Path(path).is_dir():
            empty = True
            for found in pictures_below(path):
                empty = False
                yield found, found
            if empty:
                yield path, path
        else:
            yield path, path


def pictures_below(folder: str) -> Iterator[str]:
    """Paths of the pictures in a folder and those within, by name; hidden files and folders are left out."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield os.path.join(here, name)  # noqa: PTH118 (keeps the path as the user wrote it)


def annotated_path(source: str, roots: Sequence[str], folder: Path) -> Path:
    """Where the annotated picture of a source goes: below ``folder``, in its place below the root it came from."""
    name = Path("stdin" if source == "-" else source)
    for root in roots:
        if root != "-" and Path(root).is_dir() and name.is_relative_to(root):
            name = name.relative_to(root)
            break
    else:
        name = Path(name.name)
    return folder / name.parent / f"{name.name}.annotated.jpg"


def free_path(path: Path, source: str, taken: dict[Path, str]) -> Path:
    """``path``, or one with a number where another source of this run has it; ``taken`` remembers whose is which."""
    stem = path.name.removesuffix(".annotated.jpg")
    candidate, number = path, 2
    while taken.setdefault(candidate, source) != source:
        candidate = path.with_name(f"{stem}.{number}.annotated.jpg")
        number += 1
    return candidate
