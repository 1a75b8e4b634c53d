"""Writes ``settings.md`` from the settings' own text. Run it as ``python docs/settings.py``; a test compares."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from onlooker.settings import Settings

TARGET = Path(__file__).with_name("settings.md")

_HEAD = """\
# Settings
Made by `python docs/settings.py` from `src/onlooker/settings.py`; do not edit by hand.

A file is TOML, given as `onlooker serve --config FILE`; a table holds its keys. An environment variable goes before the
file, an option of the command before both. What is not known is refused: a file's key, with its line, and a variable
that is nearly called as one of these, or as one without its table. `onlooker serve --check` prints what is in force.

```toml
[serve]
port = 9000

[limits]
rate = 2.0
```
"""


def reference() -> str:
    """Every table and key, as Markdown."""
    return "\n".join([_HEAD, *(_table(name, kind) for name, kind in get_type_hints(Settings).items())])


def _table(name: str, table: Any) -> str:
    hints = get_type_hints(table, include_extras=True)
    said, words = _said(table.__doc__, list(hints))
    rows = ["| Key | Variable | Value | Default | What it is |", "|---|---|---|---|---|"]
    for field in msgspec.structs.fields(table):
        variable = f"ONLOOKER_{field.name}".upper() if name == "serve" else f"ONLOOKER_{name}_{field.name}".upper()
        default = _shown(field.default if field.default is not msgspec.NODEFAULT else field.default_factory())
        what = words.get(field.name, "")
        rows.append(f"| `{field.name}` | `{variable}` | {_kind(hints[field.name])} | {default} | {what} |")
    return f"## [{name}]\n{said}\n\n" + "\n".join(rows) + "\n"


def _said(text: str, keys: list[str]) -> tuple[str, dict[str, str]]:
    """A docstring's first paragraph, and what it says of each key; several keys may share a line."""
    first, _, rest = text.partition("\n\n")
    words: dict[str, str] = {}
    names: list[str] = []
    for line in filter(None, map(str.strip, rest.splitlines())):
        found = re.fullmatch(r"(\w+(?:, \w+)*) +(.+)", line)
        begins = found is not None and set(found[1].split(", ")) <= set(keys)
        if found and begins:
            names = found[1].split(", ")
        more = found[2] if found and begins else line
        words |= {name: f"{words.get(name, '')} {_plain(more)}".strip() for name in names}
    return _plain(" ".join(first.split())), words


def _plain(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def _kind(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        base, *metas = get_args(hint)
        low = next((f"at least {meta.ge:g}" for meta in metas if meta.ge is not None), "")
        low = low or next((f"over {meta.gt:g}" for meta in metas if meta.gt is not None), "")
        high = next((f"at most {meta.le:g}" for meta in metas if meta.le is not None), "")
        return ", ".join(part for part in (_kind(base), low, high) if part)
    if get_origin(hint) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(hint))
    plain = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return plain.get(hint) or {"str | None": "text", "list[str]": "list of text"}[str(hint).replace("typing.", "")]


def _shown(value: Any) -> str:
    if value is None or value in ("", []):
        return ""
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
