"""Mistakes in a TOML file are told with their line and key, all at once."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from onlooker.core import toml
from onlooker.core.errors import ConfigError

TEXT = """\
top = 1
[plain]
a = 1
"quoted" = 2
dotted.key = 3
[[item]]
name = "x"
[item.inner]
deep = 1
[[item]]
inline = { deep = 2 }
[[item.part]]
one = 1
[[item.part]]
one = 2
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("top",), 1),
        (("plain",), 2),
        (("plain", "a"), 3),
        (("plain", "quoted"), 4),
        (("plain", "dotted", "key"), 5),
        (("item", 0), 6),
        (("item", 0, "name"), 7),
        (("item", 0, "inner"), 8),
        (("item", 0, "inner", "deep"), 9),
        (("item", 0, "missing"), 6),
        (("item", 1), 10),
        (("item", 1, "inline", "deep"), 11),
        (("item", 1, "part", 1, "one"), 15),
        (("item", 1, "part", 0, "other"), 12),
        (("elsewhere",), None),
        ((), None),
    ],
)
def test_the_line_is_that_of_the_key_or_of_the_nearest_around_it(keys: tuple[str | int, ...], line: int | None) -> None:
    assert toml.line(TEXT, keys) == line


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    deep: int = 0
    kind: Literal["one", "two"] = "one"


class Outer(msgspec.Struct, forbid_unknown_fields=True, rename={"first": "from"}):
    name: str
    size: Annotated[int, Meta(ge=1)] = 1
    first: int = 0
    inner: Inner | None = None
    kinds: list[Literal["red", "green"]] = []


def test_everything_that_is_wrong_is_told_and_what_is_right_is_kept() -> None:
    text = 'name = "n"\nsize = 0\ncolour = 1\nkinds = ["red", "blue"]\n[inner]\nkind = "three"\n'
    tables = {"name": "n", "size": 0, "colour": 1, "kinds": ["red", "blue"], "inner": {"kind": "three"}}
    found, problems = toml.convert(tables, Outer, text=text, where="f.toml")
    assert found == Outer("n")
    assert sorted(problems) == [
        "f.toml, line 2: size: expected `int` >= 1",
        "f.toml, line 3: colour: unknown key; the keys are name, size, from, inner, kinds",
        "f.toml, line 4: kinds[2]: invalid enum value 'blue': it is one of red, green",
        "f.toml, line 6: inner.kind: invalid enum value 'three': it is one of one, two",
    ]


def test_an_unknown_key_within_a_table_is_told_with_those_of_that_table() -> None:
    _, problems = toml.convert({"name": "n", "inner": {"dep": 1}}, Outer, text="", where="f.toml", at=("item", 0))
    assert problems == ["f.toml: item[1].inner.dep: unknown key; the keys are deep, kind"]


def test_without_a_key_that_must_be_there_nothing_is_made() -> None:
    with pytest.raises(ConfigError) as error:
        toml.convert({"size": "x"}, Outer, text="size = 'x'\n", where="f.toml")
    assert str(error.value).splitlines() == [
        "f.toml, line 1: size: expected `int`, got `str`",
        "f.toml: name: must be given: add `name = ...`",
    ]


@pytest.mark.parametrize(("content", "says"), [(b"a = \n", "is no TOML"), (b"a = '\xff'", "is no TOML")])
def test_a_file_that_is_no_toml_is_told(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "f.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        toml.read(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        toml.read(tmp_path / "none.toml")
