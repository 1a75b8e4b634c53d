"""What commands that work on a ledger share: its options, how it is opened, screens and times as people write them."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import tzinfo

    from onlooker.audience.ledger import Ledger

Options = list[Callable[[Callable[..., None]], Callable[..., None]]]

ledger_options: Options = [
    click.option(
        "--ledger",
        metavar="URL",
        help="sqlite:///file, postgresql://user@host/database, or a file's path.  [default: the display's own]",
    ),
    click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The display's settings (TOML): its ledger and its k.",
    ),
]
"""Where a ledger is, as the display's own settings say it."""


def with_options(options: Options) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that gives a command several options, in this order."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def open_ledger(url: str | None, config: Path | None = None) -> "Ledger":
    """The ledger of an address, else that of the settings, else this user's own. Raises ``ConfigError`` where there is
    none."""
    from onlooker.audience.ledger import Ledger
    from onlooker.settings import load

    return Ledger(url or load(config).ledger, create=False)


def check_screen(ledger: "Ledger", screen: str | None) -> None:
    """Raise ``InputError`` for a screen of which a ledger has nothing: a name that is misspelt is no empty export."""
    from onlooker.core.errors import InputError

    if screen is not None and screen not in (known := ledger.known_screens()):
        raise InputError(
            f"--screen {screen}: {ledger.name} has nothing of it, but of {', '.join(known) or 'no screen'}"
        )


def moment_of(text: str | None, zone: "tzinfo") -> datetime | None:
    """A date or a time as people write it; one without a zone is of ``zone``."""
    from onlooker.core.errors import InputError

    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text}: is no date or time; write it as 2026-11-24 or 2026-11-24T09:00") from None
    return at if at.utcoffset() is not None else at.replace(tzinfo=zone)
