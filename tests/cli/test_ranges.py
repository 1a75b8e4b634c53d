"""Numbers without an end, or that are none, are refused wherever an option takes one."""

from collections.abc import Iterator

import click
import pytest

from onlooker.cli.main import COMMANDS, cli
from onlooker.cli.ranges import FiniteRange
from tests.cli.conftest import Run


def options(command: click.Command) -> Iterator[click.Parameter]:
    yield from command.params
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from options(inner)


def test_every_option_that_takes_a_fraction_refuses_what_is_not_finite() -> None:
    context = click.Context(cli)
    found = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        taking = [o for o in options(command) if isinstance(o.type, click.types.FloatParamType)]
        assert [o.name for o in taking if not isinstance(o.type, FiniteRange)] == [], name
        found += taking
    assert {"hours", "near", "confidence", "min_face", "timeout", "every"} <= {o.name for o in found}


@pytest.mark.parametrize("value", ["nan", "-nan", "NaN", "inf", "1e999"])
def test_what_is_not_finite_is_refused(value: str) -> None:
    with pytest.raises(click.BadParameter, match="is no finite number"):
        FiniteRange(min=0).convert(value, None, None)


def test_what_is_finite_is_taken_within_its_bounds() -> None:
    hours = FiniteRange(min=0, max=24, min_open=True)
    assert hours.convert("12.5", None, None) == 12.5
    for value in ("0", "24.1", "-inf", "noon"):
        with pytest.raises(click.BadParameter):
            hours.convert(value, None, None)


@pytest.mark.parametrize("command", [("simulate", "--hours"), ("data", "check", "faces", "--near")])
def test_a_command_that_is_given_none_does_not_begin(run: Run, command: tuple[str, ...]) -> None:
    found = run(*command, "nan")
    assert (found.code, found.out) == (2, "")
    assert "nan is no finite number." in found.err
