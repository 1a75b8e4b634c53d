"""What a shell is told when it asks what may come next."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from onlooker.cli import completion
from onlooker.cli.main import cli
from onlooker.detection import choose


def completed(*words: str) -> list[tuple[str, str]]:
    """Kind and value of what completes the last word."""
    from click.shell_completion import ShellComplete

    found = ShellComplete(cli, {}, "onlooker", "_ONLOOKER_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [(item.type, item.value) for item in found]


@pytest.mark.parametrize("words", [("analyze", "ho"), ("analyze", "a.jpg", ""), ("watch", "sh")])
def test_pictures_and_films_are_completed_as_files(words: tuple[str, ...]) -> None:
    assert completed(*words) == [("file", words[-1])]


@pytest.mark.parametrize("command", ["analyze", "watch", "evaluate"])
def test_detectors_are_completed_by_name_or_else_as_files(command: str) -> None:
    assert completed(command, "x", "--detector", "") == [("plain", name) for name in choose.NAMES]
    assert completed(command, "x", "--detector", "y") == [("plain", "yunet")]
    assert completed(command, "x", "--detector", "./mo") == [("file", "./mo")]


def test_the_names_that_are_offered_are_the_detectors() -> None:
    assert completion.DETECTORS == choose.NAMES


def test_what_is_accepted_is_not_narrowed() -> None:
    context = click.Context(cli)
    for name, value in (("analyze", "-"), ("analyze", "s3://shop/a.jpg"), ("watch", "0"), ("watch", "rtsp://host/x")):
        command = cli.get_command(context, name)
        assert command is not None
        argument = command.params[0]
        assert argument.type.convert(value, argument, context) == value


def test_the_lines_of_the_document_are_what_a_shell_understands() -> None:
    text = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    for shell in ("bash", "zsh", "fish"):
        assert f"_ONLOOKER_COMPLETE={shell}_source onlooker" in text
    code = "import sys; sys.argv = ['onlooker']; from onlooker.cli.main import main; main()"
    asked = {"_ONLOOKER_COMPLETE": "zsh_source"}
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, check=False)
    assert done.stdout.startswith(b"#compdef onlooker")
