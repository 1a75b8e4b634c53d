"""What a run keeps to be taken up again: written whole or not at all, and known by the faces it was made of."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Key = dict[str, str]
"""What tells one list of faces from another: the folder they lie in, and a hash of their names."""


def digest(names: Sequence[str]) -> str:
    """A SHA-256 of file names in their order."""
    return hashlib.sha256(json.dumps(list(names)).encode("ascii")).hexdigest()


def key_of(folder: Path, names: Sequence[str]) -> Key:
    """The key of some faces; the folder is told in full, so that its name means the same from anywhere."""
    return {"folder": str(folder.resolve()), "names": digest(names)}


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file: an interruption leaves the one of before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    with partial.open("wb") as file:
        write(file)
    partial.replace(path)


def write_text(path: Path, text: str) -> None:
    """A text as UTF-8, whole or not at all."""
    write_whole(path, lambda file: file.write(text.encode("utf-8")))


def write_array(path: Path, array: NDArray[Any], key: Key) -> None:
    """Keep an array that was made of the faces of ``key``, which is kept beside it."""
    beside = _beside(path)
    beside.unlink(missing_ok=True)  # an interruption between the two leaves an array of unknown faces: none
    write_whole(path, lambda file: np.save(file, array))
    write_text(beside, json.dumps(key))


def read_array(path: Path, key: Key) -> NDArray[Any] | None:
    """The array that was kept, or None where it was made of other faces, or cannot be read whole."""
    try:
        if json.loads(_beside(path).read_text(encoding="utf-8")) != key:
            return None
        return np.asarray(np.load(path))
    except (FileNotFoundError, ValueError, EOFError):
        return None


def _beside(path: Path) -> Path:
    """Not ``.json``: `report table` takes such files for results."""
    return path.with_name(f"{path.name}.key")
