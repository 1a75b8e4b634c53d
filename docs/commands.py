"""Writes ``commands.md`` from the commands' own help. Run it as ``python docs/commands.py``; a test compares."""

from pathlib import Path

import click

from onlooker.cli.main import COMMANDS, cli

TARGET = Path(__file__).with_name("commands.md")

COMPLETION = """A shell completes commands, options, their values and file names after one line in its start-up file:
```
eval "$(_ONLOOKER_COMPLETE=bash_source onlooker)"     # bash 4.4 or newer, in ~/.bashrc
eval "$(_ONLOOKER_COMPLETE=zsh_source onlooker)"      # zsh, in ~/.zshrc
_ONLOOKER_COMPLETE=fish_source onlooker | source      # fish, in ~/.config/fish/completions/onlooker.fish
```
"""


def reference() -> str:
    """The help of every command, as Markdown."""
    parts = [
        "# Commands\nMade by `python docs/commands.py` from the commands themselves; do not edit by hand.\n",
        COMPLETION,
    ]
    root = click.Context(
        cli, info_name="onlooker", help_option_names=["-h", "--help"], max_content_width=100, terminal_width=100
    )
    parts.append(_section("onlooker", cli.get_help(root)))
    for name in COMMANDS:
        command = cli.get_command(root, name)
        assert command is not None
        context = click.Context(command, root, info_name=name, max_content_width=100, terminal_width=100)
        parts.append(_section(f"onlooker {name}", command.get_help(context)))
        if isinstance(command, click.Group):
            for sub, inner in command.commands.items():
                within = click.Context(inner, context, info_name=sub, max_content_width=100, terminal_width=100)
                parts.append(_section(f"onlooker {name} {sub}", inner.get_help(within)))
    return "\n".join(parts)


def _section(title: str, text: str) -> str:
    body = "\n".join(line.rstrip() for line in text.splitlines())
    return f"## {title}\n```\n{body}\n```\n"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
