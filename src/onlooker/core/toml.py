"""TOML files whose errors name the file, the line and the key, all of a file at once."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from onlooker.core.errors import ConfigError

T = TypeVar("T")
Keys = Sequence[str | int]
"""The way to a value: names of tables and keys, and places (from 0) in lists: ``("advert", 2, "targeting", "age")``."""


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a file and its tables. Raises ``ConfigError`` where it cannot be read or is no TOML."""
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no TOML ({error})") from None


def convert(tables: Mapping[str, Any], kind: type[T], *, text: str, where: str, at: Keys = ()) -> tuple[T, list[str]]:
    """``tables`` as a ``kind`` of ``msgspec.Struct``, and a sentence for each thing that is wrong in them.

    What is wrong is left out of the answer, which then has its default there. ``at`` is where ``tables`` lie in the
    ``text`` of the file ``where``. Raises ``ConfigError`` with all sentences, a line each, where nothing can be made
    of what is left: a key that must be there is missing.
    """
    left: dict[str, Any] = dict(tables)
    problems: list[str] = []
    while True:
        try:
            return msgspec.convert(left, kind), problems
        except msgspec.ValidationError as error:
            what, keys = explain(str(error), kind)
            problems.append(sentence(what, text=text, where=where, keys=[*at, *keys]))
            # msgspec stops at the first error: without that key it finds the next.
            if not keys or keys[0] not in left:
                raise ConfigError("\n".join(problems)) from None
            del left[str(keys[0])]


def explain(error: str, kind: type) -> tuple[str, list[str | int]]:
    """What ``msgspec``'s message says is wrong, and the way to it; for an unknown key the known ones."""
    what, _, path = error.partition(" - at `$")
    keys: list[str | int] = [
        int(place) if place else name for name, place in re.findall(r"\.([^.\[\]`]+)|\[(\d+)\]", path)
    ]
    if unknown := re.search(r"unknown field `(.+?)`", what):
        what = f"unknown key; the keys are {', '.join(_struct(kind, keys).__struct_encode_fields__)}"
        keys.append(unknown[1])
    elif missing := re.search(r"missing required field `(.+?)`", what):
        what = f"must be given: add `{missing[1]} = ...`"
        keys.append(missing[1])
    elif what.startswith("Invalid enum value"):
        what += f": it is one of {', '.join(map(str, _choices(kind, keys)))}"
    return what[0].lower() + what[1:], keys


def _choices(kind: type, keys: Keys) -> list[object]:
    """The values that the annotation of the key at the end of ``keys`` lists."""
    names = [i for i, key in enumerate(keys) if isinstance(key, str)]
    annotation = get_type_hints(_struct(kind, keys[: names[-1]]))[str(keys[names[-1]])]
    return [value for part in _parts_of(annotation) if get_origin(part) is Literal for value in get_args(part)]


def _struct(kind: type, keys: Keys) -> Any:
    """The type of the table that ``keys`` lead to from a ``kind``."""
    holder: Any = kind
    for key in keys:
        if isinstance(key, str):
            annotation = get_type_hints(holder).get(key)
            holder = next((part for part in _parts_of(annotation) if hasattr(part, "__struct_fields__")), holder)
    return holder


def _parts_of(annotation: Any) -> Iterator[Any]:
    """A type's annotation and everything within it."""
    yield annotation
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _parts_of(part)


def sentence(what: str, *, text: str, where: str, keys: Keys) -> str:
    """``what`` with the file or place ``where``, the line of ``text`` and the key before it."""
    number = line(text, keys)
    place = f"{where}, line {number}" if number else where
    return f"{place}: {_shown(keys) or 'the file'}: {what}"


def _shown(keys: Keys) -> str:
    """Keys as people write them; places in lists count from 1, as people do."""
    shown = ""
    for key in keys:
        shown += f"[{key + 1}]" if isinstance(key, int) else f".{key}" if shown else key
    return shown


def line(text: str, keys: Keys) -> int | None:
    """The line of a TOML text that sets what ``keys`` lead to, or else the nearest table or value around it."""
    wanted, best, found = tuple(keys), 0, None
    table: tuple[str | int, ...] = ()
    counted: dict[tuple[str | int, ...], int] = {}
    for number, content in enumerate(text.splitlines(), start=1):
        if match := re.match(r"\s*(\[\[?)\s*([\w.\"' -]+?)\s*\]", content):
            table = ()
            for part in _parts(match[2]):
                table += (part,)
                if table in counted:
                    table += (counted[table],)
            if match[1] == "[[":
                if isinstance(table[-1], int):
                    table = table[:-1]
                counted[table] = counted.get(table, -1) + 1
                table += (counted[table],)
            here = table
        elif match := re.match(r"\s*([\w.\"'-]+)\s*=", content):
            here = (*table, *_parts(match[1]))
        else:
            continue
        if len(here) > best and wanted[: len(here)] == here:
            best, found = len(here), number
    return found


def _parts(key: str) -> list[str]:
    return [part.strip().strip("\"'") for part in key.split(".")]
