"""``onlooker purge``: forget, and say what was forgotten."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onlooker.cli.ledgers import check_screen, ledger_options, moment_of, open_ledger, with_options

if TYPE_CHECKING:
    from onlooker.audience.ledger import Ledger


@click.command(name="purge")
@with_options(ledger_options)
@click.option("--all", "everything", is_flag=True, help="Everything: plays, counts, single visits.")
@click.option(
    "--before", metavar="TIME", help="What is from before a date or time; without a zone, that of the exports."
)
@click.option("--screen", metavar="ID", help="What is of a screen.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(
    ledger: str | None, config: Path | None, everything: bool, before: str | None, screen: str | None, yes: bool
) -> None:
    """Take plays, counts and visits out of a ledger, for good, and print a receipt.

    The receipt has the number of rows of every table and the hash of its entry in the audit log, which stays.
    """
    if everything + (before is not None) + (screen is not None) != 1:
        raise click.UsageError("say what to forget: one of --all, --before TIME and --screen ID")
    opened = open_ledger(ledger, config)
    try:
        check_screen(opened, screen)
        at = _past(opened, before)
        what = "everything" if everything else f"all of screen {screen}" if screen else f"all from before {before}"
        if not yes:
            click.confirm(f"forget {what} in {opened.name}?", abort=True, err=True)
        receipt = opened.purge(datetime.now(UTC), before=at, screen=screen, everything=everything)
    finally:
        opened.close()
    click.echo(
        json.dumps(
            {
                "purged": receipt.what,
                "at": receipt.at.isoformat(timespec="seconds"),
                "ledger": opened.name,
                "removed": receipt.removed,
                "audit_entry": receipt.seq,
                "hash": receipt.hash,
            },
            indent=2,
        )
    )


def _past(ledger: "Ledger", before: str | None) -> datetime | None:
    """A moment as it was written. Raises ``InputError`` for one after now: nothing is from then, and whatever came
    until then would never be published."""
    from onlooker.audience.periods import zone_of
    from onlooker.core.errors import InputError

    at, now = moment_of(before, zone_of((ledger.rule() or {}).get("timezone", "UTC"))), datetime.now(UTC)
    if at is not None and at > now:
        raise InputError(
            f"--before {before}: is after now ({now:%Y-%m-%dT%H:%MZ}); name a moment that is over, or --all"
        )
    return at
