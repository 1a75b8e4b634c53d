"""What a run keeps in its folder: texts are written whole or not at all, damaged files are refused in a sentence."""

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from onlooker.core.errors import InputError

_DAMAGES = (
    *(EOFError, RuntimeError, LookupError, ValueError, TypeError, AttributeError),
    *(pickle.UnpicklingError, BadZipFile),
)
"""What torch, numpy and the JSON reader raise of a file that ends early or holds something else."""


def write_text(path: Path, text: str) -> None:
    """Write a text beside its target, then replace that: whoever is stopped meanwhile keeps the one of before."""
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def read_mapping(path: Path, mend: str) -> dict[str, Any]:
    """A mapping kept as JSON. Raises ``FileNotFoundError`` without a file, ``InputError`` that ends with ``mend`` for
    something else."""
    with damaged(path, mend):
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise TypeError(f"a {type(values).__name__} where a mapping was expected")
        return values


@contextmanager
def damaged(path: Path, mend: str) -> Iterator[None]:
    """Turn what is raised of a damaged file into an ``InputError`` that says how to ``mend`` it."""
    try:
        yield
    except _DAMAGES as error:
        why = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InputError(f"{path}: damaged, or of another run ({why}); {mend}") from None
